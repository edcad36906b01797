"""Proofs of searches that draw: against the discrete network that was drawn, and against all that could be."""

from functools import partial

import torch

from phiforge.learning.estimators import build_estimator
from phiforge.learning.estimators.bases.gradients import summed_gradient
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import LEARNERS, Mode
from phiforge.learning.networks.bases.normalisation import is_statistic
from phiforge.registry.section import Section
from phiforge.tasks.episodes import Episode
from tests.certificate.formulations import temperatures
from tests.certificate.material import (
    JOB,
    SMALL,
    Figure,
    configured,
    contribution,
    episodes,
    estimating,
    learner_of,
    norm_of,
    phi_of,
    plain,
    relative_error,
    step_of,
)
from tests.certificate.proofs import standard_errors
from tests.references import architecture, drawn, estimators
from tests.references.tasks import leaves_of

SHARED = {"channels": 4, "stages": 2}
NORMAL = "architecture.normal"


def searched(learner: str, **network: object) -> Section:
    """Return a learner on a relaxed cell, of which tasks leave the logits alone."""
    own = {"adapts": "weights", "inner_steps": 2, "inner_lr": 0.1} if LEARNERS[learner].searches else {}
    return configured(learner, network={"name": "relaxed_cell"} | SHARED | network, **own)


def by_discrete_networks(config: Section, estimator: Section) -> Figure:
    """A job against the gradients of the discrete networks that were drawn, each a learner's network of its own."""
    learner, tasks, step = learner_of(config, SMALL), episodes(config, SMALL, count=4), step_of()
    phi = phi_of(learner, torch.float64)
    gradient = partial(_by_discrete_network, config, estimator, phi)
    return _compared(config, estimator, phi, tasks, gradient, contribution(estimator, learner, phi, tasks, step))


def by_reference(config: Section, estimator: Section) -> Figure:
    """The same against the inner loop of T-NAS written out, on a mixture of which one operation an edge is left."""
    learner, tasks, step = learner_of(config, SMALL), episodes(config, SMALL, count=4), step_of()
    phi = phi_of(learner, torch.float64)
    settings = {name: getattr(config, name) for name in ("inner_lr", "architecture_lr", "adapts")}
    settings |= {"steps": config.inner_steps, "temperatures": temperatures(config, 0.0), "norm": norm_of(config)}

    def gradient(task: Episode, operations: dict, generator: torch.Generator) -> tuple[float, dict]:
        leaves = leaves_of(drawn.one_operation(phi, operations))
        loss = architecture.t_nas(leaves, plain(task), exact=estimator.order == "second", **settings)
        names = [name for name in leaves if not architecture.is_logits(name)]
        slopes = torch.autograd.grad(loss, [leaves[name] for name in names], allow_unused=True, materialize_grads=True)
        return loss.item(), dict(zip(names, slopes, strict=True))

    return _compared(config, estimator, phi, tasks, gradient, contribution(estimator, learner, phi, tasks, step))


def expected_gradient(learner: str, jobs: int = 150, draws: int = 6) -> Figure:
    """The mean of many draws against the gradient of Σ p(m) L(w, m) − entropy · H, all five operations tried.

    The figure is the largest distance, in standard errors of the mean: of the logits any entry's, of each tensor of
    weights that along a random direction.
    """
    config = searched(learner, nodes=2, stages=1, channels=3)
    estimator = estimating("enas", entropy=0.5)
    built, task = learner_of(config, SMALL), episodes(config, SMALL)[0]
    phi = phi_of(built, torch.float64)
    phi[NORMAL] = torch.randn(phi[NORMAL].shape, generator=torch_generator("far apart"), dtype=torch.float64)
    exact, ways = _enumerated(config, estimator, phi, task), _directions(phi)
    found = {name: [] for name in phi}
    for job in range(jobs):
        each = build_estimator(estimator).contribute(built, phi, [task] * draws, step_of(), job)
        for name, value in each.values.items():
            found[name].append(_along(value / draws, ways.get(name)))
    errors = [standard_errors(found[name], _along(exact[name], ways.get(name))) for name in phi]
    return Figure(max(float(each.max()) for each in errors), 4.0)


def _compared(config, estimator, phi, tasks, gradient, found) -> Figure:
    """Return how far a contribution is from Σ ∂l/∂w and Σ (l - mean of the others') ∂ log p/∂α - entropy ∂H/∂α."""
    losses, scores, weights = [], [], {}
    for index, task in enumerate(tasks):
        generator = torch_generator(*step_of().seed("episode", JOB, index))
        operations = drawn.drawn_operations(phi, generator)
        loss, slopes = gradient(task, operations, generator)
        losses.append(loss)
        scores.append(_score(phi, operations))
        weights = {name: weights.get(name, 0) + slope for name, slope in slopes.items()}
    logits = estimators.score_gradient(losses, scores)
    expected = weights | {name: value - len(tasks) * _bonus(phi, name, estimator) for name, value in logits.items()}
    return Figure(max(abs(found.loss / sum(losses) - 1), relative_error(found.values, expected)), 1e-8)


def _by_discrete_network(config, estimator, phi, task, operations, generator) -> tuple[float, dict]:
    """Return the loss and its slopes of the network that has these operations; what it draws comes after them."""
    kinds = {name.removeprefix("architecture."): chosen for name, chosen in operations.items()}
    searching = learner_of(config, SMALL)
    network = getattr(searching, "network", None).discrete(kinds)
    raw = searching.on_network(network)
    discrete = learner_of(LEARNERS[raw["name"]].Config.model_validate(raw), SMALL)
    own = {name: phi[name] for name in phi_of(discrete, torch.float64)}
    first = LEARNERS[raw["name"]].inner_gradient and estimator.order == "first"
    mode, at = Mode(training=True, second_order=not first), {name: own[name] for name in own if not is_statistic(name)}
    found = summed_gradient(discrete, own, at, [task], mode, [generator])
    rest = {name: torch.zeros_like(phi[name]) for name in phi if not architecture.is_logits(name)}
    return found.scores["loss"], rest | found.gradient


def _score(phi, operations) -> dict:
    found = {}
    for name, chosen in operations.items():
        leaf = phi[name].detach().requires_grad_(True)
        (found[name],) = torch.autograd.grad(drawn.log_probability(leaf, chosen), leaf)
    return found


def _bonus(phi, name, estimator) -> torch.Tensor:
    leaf = phi[name].detach().requires_grad_(True)
    return torch.autograd.grad(estimator.entropy * drawn.entropy(leaf), leaf)[0]


def _enumerated(config, estimator, phi, task) -> dict:
    leaf = phi[NORMAL].detach().requires_grad_(True)
    shares, total, weights = leaf[0].softmax(dim=0), 0.0, {}
    for share, operation in zip(shares, architecture.OPERATIONS, strict=True):
        nothing = torch_generator("no draws")
        loss, slopes = _by_discrete_network(config, estimator, phi, task, {NORMAL: [operation]}, nothing)
        total = total + share * loss
        weights = {name: weights.get(name, 0) + share.detach() * slope for name, slope in slopes.items()}
    (slope,) = torch.autograd.grad(total - estimator.entropy * drawn.entropy(leaf), leaf)
    return weights | {NORMAL: slope}


def _directions(phi) -> dict:
    generator = torch_generator("directions")
    return {
        name: torch.randn(value.shape, generator=generator, dtype=torch.float64)
        for name, value in phi.items()
        if not architecture.is_logits(name)
    }


def _along(value, way) -> torch.Tensor:
    return value if way is None else (value * way).sum()[None]
