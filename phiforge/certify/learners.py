"""What every learner promises: a fresh φ by its seed, a pure F_φ, the gradient it is used for, and honest flags."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from phiforge.certify import acting, material
from phiforge.certify.differences import against_differences, relative_error
from phiforge.certify.proof import Figure, Proof, count
from phiforge.learning.estimators.bases.gradients import summed_gradient
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import EVALUATION, Learner, Mode, Phi
from phiforge.learning.learners.bases.gradient import GradientLearner
from phiforge.learning.networks.bases.normalisation import is_statistic
from phiforge.learning.tensors import Tensors
from phiforge.learning.tried_steps import tried_steps
from phiforge.registry import ESTIMATORS, NETWORKS, PartConfig
from phiforge.registry.abilities import LearnerPart
from phiforge.tasks.episodes import Episode

MORE_WAYS = material.N_WAY + 1
SAME = 1e-9
"""Below which two logits count as one, in float64."""
APART = 1e-6
"""Above which, relative to the larger, two gradients are different."""
BY_ENGINE = 1e-10
LATER = 0.9
PIECES = (2, 3)
"""Inner steps after which the pieces of a loop of three end, if pieces have two."""
MOST_STEPS = 5
"""Inner steps that are tried here, so that a loop which diverges later is proven too."""


def proofs(part: type[LearnerPart]) -> Iterator[Proof]:
    """Yield the proofs of a learner, each with its defaults on a small network."""
    config = material.small(material.default_of(part))
    yield Proof("φ₀ is the same for the same seed", partial(same_start, config))
    yield Proof("φ₀ is float32 and contiguous, and there iff it learns", partial(start_is_plain, config))
    yield Proof("F_φ leaves φ and the task as they were", partial(leaves_inputs, config))
    if not part.supervised:
        yield from _of_acting(part, config)
        return
    yield Proof("the same seed gives the same logits", partial(same_logits, config))
    yield Proof("transductive, or not, as it says", partial(transduction, config))
    yield from _of_gradient(part, config)
    yield from _of_flags(part, config)
    yield Proof("the order of support examples does not matter", partial(order_of_support, config), asked=False)
    yield Proof("the names of classes do not matter", partial(names_of_classes, config), asked=False)


def _of_acting(part: type[LearnerPart], config: PartConfig) -> Iterator[Proof]:
    yield Proof("the same seed gives the same scores", partial(acting.same_outcome, config))
    yield Proof("is judged by a return, and by no accuracy", partial(acting.judged_by_return, config))
    yield Proof("the world's luck is the task's", partial(acting.luck_of_the_world, config))
    yield Proof("takes inner gradients, or not, as it says", partial(inner_gradients, config))
    for name, estimator in ESTIMATORS.working().items():
        if estimator.exact and estimator.refuses(part, config) is None:
            yield Proof(
                f"contributes the same by '{name}' in other passes", partial(acting.sum_over_tasks, config, name)
            )


def _of_gradient(part: type[LearnerPart], config: PartConfig) -> Iterator[Proof]:
    exact = material.small(part.without_constants(material.default_of(part)))
    for name, estimator in ESTIMATORS.working().items():
        if estimator.refuses(part, config) is not None:
            continue
        if estimator.exact:
            yield Proof(f"its gradient by '{name}' against differences", partial(gradient, exact, name))
            if part.regresses:
                values = material.regressing(exact)
                yield Proof(f"the same of a regression by '{name}'", partial(gradient, values, name, regression=True))
        if part.mapped and estimator.mapped:
            yield Proof(f"engine vmap contributes the same by '{name}'", partial(by_vmap, config, name))


def _of_flags(part: type[LearnerPart], config: PartConfig) -> Iterator[Proof]:
    yield Proof("draws choices, or not, as it says", partial(choices, config))
    if part.learns and not part.chooses:
        yield Proof("takes inner gradients, or not, as it says", partial(inner_gradients, config))
    if part.mapped and part.capturable:
        yield Proof("progress changes nothing that is computed", partial(progress, config))
    if part.tries_steps:
        yield Proof("tries numbers of inner steps as it takes each alone", partial(tried, config))
    if part.cuts:
        yield Proof("its inner loop cut in pieces is the same loop", partial(cut, config))
        yield Proof("what decides a later piece changes no earlier one", partial(later_pieces, config))
    if part.any_n_way:
        yield Proof("serves other numbers of ways with the same φ", partial(other_ways, config))
    if part.regresses:
        yield Proof("learns regressions", partial(regression, config))
    if part.averages and (averaging := _averaging(part.by_averages(config))):
        yield Proof("notes and uses averages", partial(averages, averaging))
    if part.whole_start:
        yield Proof("its inner loop moves all of φ", partial(whole_start, config))


def same_start(config: PartConfig) -> Figure:
    """Count the entries of φ₀ that differ when it is drawn twice."""
    learner = material.learner_of(config)
    first, second = (learner.init_phi(torch_generator("phi")) for _ in range(2))
    return material.changed(first, second)


def start_is_plain(config: PartConfig) -> Figure:
    """Count what is wrong with φ₀."""
    learner = material.learner_of(config)
    phi = learner.init_phi(torch_generator("phi"))
    wrong = [value.dtype != torch.float32 or not value.is_contiguous() for value in phi.values()]
    return count([*wrong, bool(phi) != learner.learns])


def leaves_inputs(config: PartConfig) -> Figure:
    """Count the tensors of φ and of a task that a job changes."""
    learner = material.learner_of(config)
    phi, tasks = material.phi_of(learner, torch.float32), material.episodes_of(learner, 1, torch.float32)
    before = material.copied(phi) | material.copied(material.parts_of(tasks))
    for mode in (EVALUATION, _training()):
        learner.query_outcome(_leaves(phi), tasks[0], mode, torch_generator("draw"))
        learner.adapt(_leaves(phi), tasks[0].support_x, tasks[0].support_y, mode, torch_generator("draw"))
    return material.changed(before, {**phi, **material.parts_of(tasks)})


def same_logits(config: PartConfig) -> Figure:
    """Return how far apart two predictions are, with randomness of one name."""
    learner, phi, task = _material(config)
    first, second = (_logits(learner, phi, task) for _ in range(2))
    return _apart(first, second, 0.0)


def transduction(config: PartConfig) -> Figure:
    """Return how much a query's logits change with the other queries: not at all unless it says so."""
    learner, phi, task = _material(config)
    others = torch.cat([task.query_x[:1], 1 - task.query_x[1:]])
    first, second = (_logits(learner, phi, each)[:1] for each in (task, replace(task, query_x=others)))
    return _apart(first, second, SAME)._replace(above=learner.transductive)


def gradient(config: PartConfig, estimator: str, *, regression: bool = False) -> Figure:
    """Return the error of what a job contributes, of one task, against central finite differences."""
    learner, phi, task = _material(config, regression=regression)
    step = material.step_of()
    found = material.contributed(estimator, learner, phi, [task], step).values

    def loss_at(moved: Any) -> float:  # noqa: ANN401 - φ
        draws = torch_generator(*step.seed("episode", material.JOB, 0))
        return learner.query_outcome(_leaves(moved), task, _training(), draws).loss.item()

    return against_differences(loss_at, phi, found)


def by_vmap(config: PartConfig, estimator: str) -> Figure:
    """Return how far engine vmap is from torch in what a job of three tasks contributes."""
    plain, mapped = (material.learner_of(config, engine) for engine in ("torch", "vmap"))
    phi, tasks, step = material.phi_of(plain), material.episodes_of(plain, 3), material.step_of(chunk=2)
    found, expected = (material.contributed(estimator, each, phi, tasks, step).values for each in (mapped, plain))
    return Figure(relative_error(found, expected), BY_ENGINE)


def choices(config: PartConfig) -> Figure:
    """Count whether it gives the probability of what it drew, against whether it says that it draws."""
    learner, phi, task = _material(config)
    found = learner.query_outcome(_leaves(phi), task, _training(), torch_generator("draw"))
    return count([(found.log_probability is not None) != learner.chooses])


def inner_gradients(config: PartConfig) -> Figure:
    """Return how far first order is from second: nothing, unless it takes inner gradients."""
    learner, phi, task = _material(config)
    first, second = (_gradient(learner, phi, task, _training(order)) for order in (False, True))
    return Figure(relative_error(first, second), APART if learner.inner_gradient else 1e-12, learner.inner_gradient)


def progress(config: PartConfig) -> Figure:
    """Return how far the gradient at the start of a run is from that near its end."""
    learner, phi, task = _material(config)
    modes = (replace(_training(), progress=each) for each in (0.0, LATER))
    early, late = (_gradient(learner, phi, task, mode) for mode in modes)
    return Figure(relative_error(late, early), 0.0)


def tried(config: PartConfig) -> Figure:
    """Return how far predictions after numbers of inner steps tried at once are from those after each alone."""
    learner, phi, task = _material(config)
    steps = [each for each in tried_steps(config) if each <= MOST_STEPS]
    draws = torch_generator("draw")
    models = learner.adapt_by_steps(phi, task.support_x, task.support_y, EVALUATION, draws, steps)
    found = torch.stack([models[each](task.query_x).detach() for each in steps])
    alone = [type(config).model_validate(config.model_dump() | {"inner_steps_evaluation": each}) for each in steps]
    return _apart(found, torch.stack([_logits(material.learner_of(each), phi, task) for each in alone]), SAME)


def cut(config: PartConfig) -> Figure:
    """Return how far predictions after each piece of an inner loop are from those after as many steps uncut."""
    learner, phi, task = _material(_of_steps(config, PIECES[-1]))
    found = torch.stack(_by_pieces(learner, [phi] * len(PIECES), task))
    alone = [material.learner_of(_of_steps(config, each)) for each in PIECES]
    return _apart(found, torch.stack([_logits(each, phi, task, _training(second_order=False)) for each in alone]), SAME)


def later_pieces(config: PartConfig) -> Figure:
    """Return how far predictions after the first piece are from those where φ is another in the second."""
    learner, phi, task = _material(_of_steps(config, PIECES[-1]))
    other = {name: value + 0.1 for name, value in phi.items()}
    first, second = (_by_pieces(learner, [phi, later], task)[0] for later in (phi, other))
    return _apart(first, second, SAME)


def other_ways(config: PartConfig) -> Figure:
    """Count what is wrong with the logits of more ways than φ was drawn for."""
    phi = material.phi_of(material.learner_of(config))
    learner = material.learner_of(config, n_way=MORE_WAYS)
    task = material.episodes_of(learner, 1)[0]
    return _malformed(_logits(learner, phi, task), len(task.query_x), MORE_WAYS)


def regression(config: PartConfig) -> Figure:
    """Count what is wrong with the values that it predicts."""
    learner, phi, task = _material(material.regressing(config), regression=True)
    return _malformed(_logits(learner, phi, task), len(task.query_x), 1)


def averages(config: PartConfig) -> Figure:
    """Count what is missing: statistics noted in meta-training, and their use on unseen tasks."""
    learner, phi, task = _material(config)
    mode = _training()
    learner.query_outcome(_leaves(phi), task, mode, torch_generator("draw"))
    kept = {name for name in phi if is_statistic(name)}
    other = {name: value + 0.5 if name in kept else value for name, value in phi.items()}
    used = not torch.equal(_logits(learner, phi, task), _logits(learner, other, task))
    return count([not kept, set(mode.noted) != kept, not used])


def whole_start(config: PartConfig) -> Figure:
    """Count the entries of φ that the inner loop leaves as they are."""
    learner, phi, task = _material(config)
    if not isinstance(learner, GradientLearner):
        return count([True])
    path = learner.path(_leaves(phi), task.support_x, task.support_y, _training())
    names = [name for name in phi if not is_statistic(name)]
    return count(name not in path[-1] or torch.equal(path[-1][name], phi[name]) for name in names)


def order_of_support(config: PartConfig) -> Figure:
    """Return how far predictions move if support examples come in another order."""
    learner, phi, task = _material(config)
    order = torch.arange(len(task.support_y)).flip(0)
    turned = replace(task, support_x=task.support_x[order], support_y=task.support_y[order])
    return _apart(_logits(learner, phi, turned), _logits(learner, phi, task), SAME)


def names_of_classes(config: PartConfig) -> Figure:
    """Return how far predictions move, beyond their columns, if labels change places."""
    learner, phi, task = _material(config)
    names = torch.arange(learner.shape.n_way).roll(1)
    renamed = replace(task, support_y=names[task.support_y])
    return _apart(_logits(learner, phi, renamed)[:, names], _logits(learner, phi, task), SAME)


def _averaging(config: PartConfig) -> PartConfig | None:
    """Return a configuration whose network keeps averages, if its network can."""
    network = getattr(config, "network", None)
    if network is None or "norm" not in type(network).model_fields:
        return None
    running = network.model_copy(update={"norm": "running"})
    return config.model_copy(update={"network": running}) if NETWORKS[network.name].averages(running) else None


def _material(config: PartConfig, *, regression: bool = False) -> tuple[Learner, Tensors, Episode]:
    learner = material.learner_of(config, regression=regression)
    return learner, material.phi_of(learner), material.episodes_of(learner, 1)[0]


def _training(second_order: bool = True) -> Mode:
    return Mode(training=True, second_order=second_order)


def _leaves(phi: Phi) -> Tensors:
    return {name: value.detach().requires_grad_(not is_statistic(name)) for name, value in phi.items()}


def _logits(learner: Learner, phi: Phi, task: Episode, mode: Mode = EVALUATION) -> Tensor:
    predict = learner.adapt(phi, task.support_x, task.support_y, mode, torch_generator("draw"))
    return predict(task.query_x).detach()


def _by_pieces(learner: Learner, phis: Sequence[Phi], task: Episode) -> list[Tensor]:
    mode, draws = _training(second_order=False), torch_generator("draw")
    models = learner.adapt_by_pieces(phis, PIECES[0], task.support_x, task.support_y, mode, draws)
    return [predict(task.query_x).detach() for predict in models]


def _of_steps(config: PartConfig, steps: int) -> PartConfig:
    return type(config).model_validate(config.model_dump() | {"inner_steps": steps})


def _gradient(learner: Learner, phi: Tensors, task: Episode, mode: Mode) -> Tensors:
    at = {name: value for name, value in phi.items() if not is_statistic(name)}
    return summed_gradient(learner, phi, at, [task], mode, [torch_generator("draw")]).gradient


def _apart(first: Tensor, second: Tensor, limit: float) -> Figure:
    return Figure(float((first - second).abs().max()), limit)


def _malformed(outputs: Tensor, queries: int, columns: int) -> Figure:
    return count([outputs.shape != (queries, columns), not bool(outputs.isfinite().all())])
