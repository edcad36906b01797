"""The proofs of a gradient: small functions, each of which returns what it measured and the limit of it."""

from statistics import median

import torch

from phiforge.learning.estimators import Contribution, build_estimator
from phiforge.learning.estimators.bases.perturbations import perturbation
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import EVALUATION, Mode
from phiforge.learning.networks.bases.normalisation import is_statistic
from phiforge.registry.section import Section
from phiforge.spec.task import Engine
from tests.certificate.formulations import formulation, plain_tasks
from tests.certificate.material import (
    JOB,
    REAL,
    SMALL,
    Figure,
    configured,
    contribution,
    doubled,
    episodes,
    estimating,
    learner_of,
    norm_of,
    phi_of,
    plain,
    relative_error,
    small,
    step_of,
)
from tests.references import architecture, estimators
from tests.references.tasks import PlainTask, leaves_of, summed_gradient
from tests.references.untrained import choice_probability, drawn_choice, nearest_pixels_loss, trained_loss

FINITE_STEP = 1e-7
"""Small enough for ReLU and max-pooling seldom to switch on the way, large enough for float64."""
DIRECTIONS = 3
STARTS = range(9)
"""Starts of φ in float32: at some, rounding switches a ReLU or a maximum, which the median forgives."""
ENGINES = 1e-8
"""Engines and processors add up in orders of their own. Adam then divides by the root of a square that may be next to
nothing: what was the sixteenth digit of a gradient may be the ninth of a step (1.9e-10 was seen)."""


def finite_differences(
    config: Section, version: int = 0, engine: Engine = "torch", directions: int = DIRECTIONS
) -> Figure:
    """Backpropagation against central differences, along random directions in each tensor of φ and in all at once.

    A direction may cross the kink of a ReLU or a maximum: of each tensor's directions the median counts.
    """
    learner, tasks, step = learner_of(small(config), SMALL, engine), episodes(config, SMALL), step_of(version)
    phi = phi_of(learner, torch.float64)
    gradient = contribution(estimating("backpropagation"), learner, phi, tasks, step).values
    largest = max(float(slope.norm()) for slope in gradient.values())

    def loss_at(moved: dict) -> float:
        leaves = {name: value.detach().requires_grad_(not is_statistic(name)) for name, value in moved.items()}
        mode = Mode(training=True, second_order=True, progress=step.progress)
        generator = torch_generator(*step.seed("episode", JOB, 0))
        return learner.query_outcome(leaves, tasks[0], mode.drawing(generator), generator).loss.item()

    def error(names: list[str], seed: int) -> float:
        generator = torch_generator("direction", seed, *names)
        way = {name: torch.randn(phi[name].shape, generator=generator, dtype=torch.float64) for name in names}
        there, back = (
            loss_at({**phi, **{name: phi[name] + sign * FINITE_STEP * way[name] for name in names}}) for sign in (1, -1)
        )
        expected = sum(float((gradient[name] * way[name]).sum()) for name in names)
        size = max(float(gradient[name].norm()) for name in names)
        return abs((there - back) / (2 * FINITE_STEP) - expected) / max(abs(expected), size, 1e-3 * largest)

    sets = [[name] for name in gradient] + [list(gradient)]
    return Figure(max(median(error(names, seed) for seed in range(directions)) for names in sets), 1e-5)


def second_formulation(
    config: Section,
    estimator: str,
    *,
    version: int = 0,
    dtype: torch.dtype = torch.float64,
    start: int = 0,
    count: int = 1,
    k_shot: int = 1,
) -> float:
    """Return the error of the gradient and of the loss on the real Conv-4 against the reference, itself in float64.

    In float64 each tensor of φ is held to its own size; in float32, where rounding may be all that a small one has,
    to that of the largest.
    """
    learner, tasks, step = learner_of(config, REAL), episodes(config, REAL, dtype, count, k_shot), step_of(version)
    phi = phi_of(learner, dtype, start)
    found = contribution(estimating(estimator), learner, phi, tasks, step)
    loss = formulation(config, exact=estimator == "backpropagation", progress=step.progress)
    expected_loss, expected = summed_gradient(loss, doubled(phi), plain_tasks(learner, tasks, step))
    floor = 1e-3 if dtype == torch.float64 else 1.0
    return max(relative_error(found.values, expected, floor), abs(found.loss / expected_loss - 1))


def in_float64(config: Section, estimator: str, version: int = 0) -> Figure:
    """The gradient of one task against the second formulation."""
    return Figure(second_formulation(config, estimator, version=version), 1e-8)


def of_several_tasks(config: Section, estimator: str) -> Figure:
    """The gradient of a job of two tasks of two shots, each with the randomness of its own name."""
    return Figure(second_formulation(config, estimator, count=2, k_shot=2), 1e-8)


def in_float32(config: Section, estimator: str, *, hasty: bool = False) -> Figure:
    """The same in float32, where rounding may switch a ReLU or a maximum: the median over starts counts.

    ``hasty``: only until more than half of the starts are within the limit, as then the median is, too.
    """
    limit, most, errors = 1e-4, len(STARTS) // 2 + 1, list[float]()
    for start in STARTS:
        errors.append(second_formulation(config, estimator, dtype=torch.float32, start=start))
        within = [error for error in errors if error < limit]
        if hasty and len(within) == most:
            return Figure(max(within), limit)
    return Figure(median(errors), limit)


def by_engine(config: Section, estimator: Section, version: int = 0, count: int = 1) -> Figure:
    """The fused engine against torch: what one job of the real Conv-4 contributes, statistics and losses included."""
    tasks, step = episodes(config, REAL, count=count), step_of(version)
    plain, fused = (
        contribution(estimator, learner, phi_of(learner, torch.float64), tasks, step)
        for learner in (learner_of(config, REAL, engine) for engine in ("torch", "fused"))
    )
    return Figure(difference(fused, plain), ENGINES)


def by_vmap(config: Section, estimator: Section, version: int = 0) -> Figure:
    """Engine vmap against torch: what a job of three tasks contributes, two of them mapped over at once, then one."""
    tasks, step = episodes(config, SMALL, count=3, k_shot=2), step_of(version, chunk=2)
    plain, mapped = (
        contribution(estimator, learner, phi_of(learner, torch.float64), tasks, step)
        for learner in (learner_of(small(config), SMALL, engine) for engine in ("torch", "vmap"))
    )
    return Figure(difference(mapped, plain), ENGINES)


def difference(found: Contribution, expected: Contribution) -> float:
    """Return the largest error of a contribution: of any tensor, of the loss, of any statistic."""
    errors = [relative_error(found.values, expected.values), abs(found.loss / expected.loss - 1)]
    if expected.statistics:
        errors.append(relative_error(found.statistics, expected.statistics))
    return max(errors)


def baseline_by_engine(config: Section) -> Figure:
    """The same of a baseline's query loss."""
    task = episodes(config, REAL)[0]
    plain, fused = (
        learner_of(config, REAL, engine).query_outcome({}, task, EVALUATION, torch_generator("fresh")).loss.item()
        for engine in ("torch", "fused")
    )
    return Figure(abs(fused / plain - 1), ENGINES)


def not_first_order(config: Section) -> Figure:
    """How far first order is from the gradient: neither can stand in for the other."""
    learner, tasks, step = learner_of(small(config), SMALL), episodes(config, SMALL), step_of()
    phi = phi_of(learner, torch.float64)
    exact, approximate = (
        contribution(estimating(name), learner, phi, tasks, step).values for name in ("backpropagation", "first_order")
    )
    return Figure(relative_error(approximate, exact, floor=1.0), 0.01, above=True)


def order_annealed(config: Section) -> Figure:
    """``second_order_from`` 0.33 of a thousand versions: first order up to 329, the gradient itself from 330 on."""
    learner, tasks = learner_of(small(config), SMALL), episodes(config, SMALL)
    phi, annealed = phi_of(learner, torch.float64), estimating("backpropagation", second_order_from=0.33)
    errors = []
    for version, order in ((0, "first_order"), (329, "first_order"), (330, "backpropagation")):
        found = contribution(annealed, learner, phi, tasks, step_of(version)).values
        expected = contribution(estimating(order), learner, phi, tasks, step_of(version)).values
        errors.append(relative_error(found, expected))
    return Figure(max(errors), 1e-12)


def sum_of_episodes(config: Section, estimator: Section) -> Figure:
    """A job's contribution against the sum of its episodes', and the mean over tasks that jobs combine to.

    Where backward passes may be shared, also with three episodes to a pass.
    """
    learner, tasks = learner_of(small(config), SMALL), episodes(config, SMALL, count=4)
    phi, step = phi_of(learner, torch.float64), step_of()
    parts = [contribution(estimator, learner, phi, [task], step) for task in tasks]
    summed = {name: sum(part.values[name] for part in parts) for name in parts[0].values}
    wholes = [contribution(estimator, learner, phi, tasks, step_of(chunk=chunk)) for chunk in (1, 3)]
    errors = [relative_error(whole.values, summed) for whole in wholes]
    errors += [abs(whole.loss / sum(part.loss for part in parts) - 1) for whole in wholes]
    if "evolution" not in estimator.name:  # whose combination needs the job's own perturbations
        mean = build_estimator(estimator).combine(phi, parts, step)
        errors.append(relative_error({name: 4 * value for name, value in mean.items()}, summed))
    return Figure(max(errors), 1e-12)


def inner_training(config: Section, estimator: Section) -> Figure:
    """Reptile's difference on the real Conv-4 against torch's own optimisers on the same minibatches."""
    learner, tasks, step = learner_of(config, REAL), episodes(config, REAL, count=2, k_shot=2), step_of()
    phi = phi_of(learner, torch.float64)
    found = contribution(estimator, learner, phi, tasks, step).values
    summed = {}
    for index, task in enumerate(plain_tasks(learner, tasks, step)):
        generator = torch_generator(*step.seed("episode", JOB, index))
        orders = [
            torch.randperm(len(task.support_y), generator=generator)[: estimator.batch]
            for _ in range(estimator.inner_steps)
        ]
        settings = {"optimizer": estimator.inner_optimizer, "rate": estimator.inner_lr, "orders": orders}
        for name, value in estimators.reptile_difference(phi, task, norm=norm_of(config), **settings).items():
            summed[name] = summed.get(name, 0) + value
    return Figure(relative_error(found, summed), 1e-8)


def implicit(config: Section, estimator: Section) -> Figure:
    """The implicit gradient on the real Conv-4 against conjugate gradients on one flat vector."""
    learner, tasks, step = learner_of(config, REAL), episodes(config, REAL), step_of()
    phi = phi_of(learner, torch.float64)
    found = contribution(estimator, learner, phi, tasks, step).values
    expected = estimators.implicit_gradient(
        phi,
        plain_tasks(learner, tasks, step)[0],
        inner_lr=config.inner_lr,
        steps=config.inner_steps,
        proximal=config.proximal,
        iterations=estimator.iterations,
        norm=norm_of(config),
        damping=estimator.damping,
        at_the_end=config.pull_back == "at_the_end",
        guarded=estimator.negative_curvature == "stop",
    )
    return Figure(relative_error(found, expected), 1e-8)


def support_and_query(config: Section, estimator: Section) -> Figure:
    """DARTS' two directions on the real network against its equation 7, written out for several steps."""
    learner, tasks, step = learner_of(config, REAL), episodes(config, REAL, count=2, k_shot=2), step_of()
    phi = phi_of(learner, torch.float64)
    found = contribution(estimator, learner, phi, tasks, step)
    settings = {"inner_lr": config.inner_lr, "steps": config.inner_steps, "temperature": config.temperature}
    directions = [
        architecture.darts_direction(phi, task, order=estimator.order, norm=norm_of(config), **settings)
        for task in plain_tasks(learner, tasks, step)
    ]
    expected = {name: sum(each[name] for each in directions) for name in directions[0]}
    return Figure(relative_error(found.values, expected), 1e-10)


def antithetic(config: Section, pairs: int = 2, sigma: float = 0.05) -> Figure:
    """Evolution's direction, of two jobs, against the antithetic formula on the reference's losses."""
    estimator, step = build_estimator(estimating("evolution", pairs=pairs, sigma=sigma)), step_of()
    learner, tasks = learner_of(config, REAL), episodes(config, REAL)
    phi = phi_of(learner, torch.float64)
    jobs = range(JOB + 1)  # those before contribute nothing, so that the job's number is seen to name its noise
    contributions = [estimator.contribute(learner, phi, tasks if job == JOB else [], step, job) for job in jobs]
    noises = [perturbation(phi, step, JOB, pair) for pair in range(pairs)]
    loss = formulation(config, exact=True, progress=step.progress)

    def loss_at(moved: dict, task: PlainTask, index: int) -> float:
        return loss(leaves_of(moved), task).item()

    expected = estimators.antithetic_slope(loss_at, phi, noises, sigma, plain_tasks(learner, tasks, step))
    return Figure(relative_error(estimator.combine(phi, contributions, step), expected), 1e-8)


def score_function(config: Section) -> Figure:
    """REINFORCE's contribution of five draws against (loss - mean of the others') ∇ log p, written out."""
    learner, tasks, step = learner_of(config, SMALL), episodes(config, SMALL, count=5), step_of()
    phi = phi_of(learner, torch.float64)
    loss, losses, scores = formulation(config, exact=True), [], []
    for task in plain_tasks(learner, tasks, step):
        leaves = leaves_of(phi)
        choice = drawn_choice(phi, task.noise()[0])
        score = torch.autograd.grad(choice_probability(leaves, choice).log(), list(leaves.values()))
        scores.append(dict(zip(leaves, score, strict=True)))
        losses.append(loss(phi, task).item())
    found = contribution(estimating("reinforce"), learner, phi, tasks, step)
    error = abs(found.loss / sum(losses) - 1)
    return Figure(max(error, relative_error(found.values, estimators.score_gradient(losses, scores))), 1e-8)


def expected_score(jobs: int = 120, draws: int = 8) -> Figure:
    """The mean of REINFORCE over many draws against the gradient of the expected loss, all choices enumerated.

    The figure is the largest distance of any entry, in standard errors of the mean. Every draw trains the same fresh
    network on the same task, so that the choice alone is random.
    """
    config = configured("chosen_training", steps=(1, 4, 8), rates=(0.02, 0.3), network={"name": "mlp", "width": 4})
    learner = learner_of(config, SMALL)
    fresh = learner.model.init(torch_generator("fresh"))
    learner.model.init = lambda generator: fresh
    phi, task = phi_of(learner, torch.float64), episodes(config, SMALL)[0]
    exact = enumerated(config, phi, plain(task), doubled(fresh))
    found = {name: [] for name in phi}
    for job in range(jobs):
        each = build_estimator(estimating("reinforce")).contribute(learner, phi, [task] * draws, step_of(), job)
        for name, value in each.values.items():
            found[name].append(value / draws)
    return Figure(max(float(standard_errors(found[name], exact[name]).max()) for name in phi), 4.0)


def standard_errors(found: list[torch.Tensor], expected: torch.Tensor) -> torch.Tensor:
    """Return how many standard errors the mean of ``found`` is from what is expected of it, by entry."""
    rows = torch.stack(found)
    return (rows.mean(dim=0) - expected).abs() / (rows.std(dim=0) / len(rows) ** 0.5)


def enumerated(config: Section, phi: dict, task: PlainTask, fresh: dict) -> dict[str, torch.Tensor]:
    """Return the gradient of Σ p(choice) L(choice)."""
    leaves, expected = leaves_of(phi), 0.0
    for steps in range(len(config.steps)):
        for rate in range(len(config.rates)):
            loss = trained_loss(fresh, task, rate=config.rates[rate], steps=config.steps[steps], norm="none")
            expected = expected + choice_probability(leaves, (steps, rate)) * loss
    return dict(zip(leaves, torch.autograd.grad(expected, list(leaves.values())), strict=True))


def baseline_loss(config: Section) -> Figure:
    """A baseline has an empty φ, which no estimator moves; its query loss against the reference's."""
    learner, task = learner_of(config, REAL), episodes(config, REAL)[0]
    if learner.init_phi(torch_generator()):
        raise AssertionError(f"{config.name} has a φ")
    found = learner.query_outcome({}, task, EVALUATION, torch_generator("fresh")).loss.item()
    if config.name == "pixel_nearest_neighbour":
        expected = nearest_pixels_loss(plain(task))
    else:
        fresh = doubled(learner.model.init(torch_generator("fresh")))
        expected = trained_loss(fresh, plain(task), rate=config.inner_lr, steps=config.inner_steps)
    return Figure(abs(found / expected.item() - 1), 1e-8)
