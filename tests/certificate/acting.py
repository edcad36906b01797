"""Proofs of learners that act: against every trajectory enumerated, differences on kept trajectories, plain loops."""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from phiforge.learning.estimators import build_estimator
from phiforge.learning.estimators.bases.perturbations import perturbation
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Mode, TaskShape, build_learner
from phiforge.learning.learners.rl2 import Rl2
from phiforge.learning.learners.rl_maml import Experience, RlMaml
from phiforge.learning.reinforcement.objective import gained
from phiforge.learning.reinforcement.trajectories import Trajectories
from phiforge.registry.section import Section
from phiforge.spec.task import Task
from phiforge.tasks.episodes import Episode
from phiforge.tasks.families.navigation import Navigation, NavigationData
from phiforge.tasks.families.tabular_mdp import TabularMdp, TabularMdpData
from tests.certificate.material import (
    JOB,
    Figure,
    configured,
    contribution,
    estimating,
    phi_of,
    relative_error,
    step_of,
)
from tests.references import acting, estimators
from tests.references.tasks import leaves_of

STATES, ACTIONS, HORIZON, DISCOUNT = 3, 2, 3, 0.9
MLP = {"name": "mlp", "width": 5}
TASK = Task(n_way=1, k_shot=4, n_query=5)
EXACT, LOOSE = 1e-10, 1e-5
FINITE_STEP = 1e-6


class Case(NamedTuple):
    """How a cell is proven: what it shows, of which variant, and how it is measured."""

    kind: str
    variant: str
    measure: Any


def proofs_of(learner: str, estimator: str) -> Iterator[Case]:
    """Yield the proofs of a learner that acts under an estimator."""
    yield from BY_PAIR.get((learner, estimator), lambda: iter(()))()
    sums = partial(sum_of_episodes, small(learner), estimating(estimator, **PAIRS.get(estimator, {})))
    yield Case("sum of episodes", "tabular MDP", sums)


def small(learner: str, **settings: Any) -> Section:
    """Return a learner of a small network."""
    return configured(learner, **({"units": 5} if learner == "rl2" else {"network": MLP}), **settings)


def world(name: str = "tabular_mdp") -> TabularMdp | Navigation:
    """Return a small world, of choices or of numbers."""
    if name == "navigation":
        return Navigation(NavigationData(horizon=HORIZON, discount=DISCOUNT))
    return TabularMdp(TabularMdpData(states=STATES, actions=ACTIONS, horizon=HORIZON, discount=DISCOUNT))


def learner_in(config: Section, place: TabularMdp | Navigation) -> Any:
    """Return a learner that acts in a world."""
    return build_learner(config, TaskShape(1, place.input_shape(place.config), world=place))


def tasks_in(place: TabularMdp | Navigation, count: int = 1) -> list[Episode]:
    """Return tasks of a world in float64."""
    return list(place.sample("train", TASK, count, "acting").episodes(dtype=torch.float64))


def derivatives_of_the_expectation(order: int) -> Figure:
    """The mean derivative of the objective over every trajectory of a chain, against that of the expected return.

    Advantages are rewards to go less a baseline of place and time, which must change nothing.
    """
    chain, logits = _chain(), _drawn("logits", STATES, ACTIONS).requires_grad_()
    exact = _derivative(acting.expected_return(chain, logits.softmax(dim=1)), logits, order)
    baseline = _drawn("baseline", HORIZON, STATES)
    found = torch.zeros_like(exact)
    for path in acting.paths(chain):
        chance = acting.probability(logits.softmax(dim=1), path).item()
        found += chance * _derivative(_objective(chain, path, logits, baseline), logits, order)
    return Figure(float((found - exact).abs().max() / exact.abs().max()), EXACT)


def plain_surrogate_is_biased() -> Figure:
    """How far the second derivative of Σ log π · A, forgetful of how trajectories came about, is from the right one."""
    chain, logits = _chain(), _drawn("logits", STATES, ACTIONS).requires_grad_()
    exact = _derivative(acting.expected_return(chain, logits.softmax(dim=1)), logits, 2)
    found = torch.zeros_like(exact)
    for path in acting.paths(chain):
        chance = acting.probability(logits.softmax(dim=1), path).item()
        log = logits.log_softmax(dim=1)[list(path.states[:-1]), list(path.actions)]
        ahead = [
            acting.returned(chain, path._replace(states=path.states[t:], actions=path.actions[t:])) for t in range(3)
        ]
        weights = torch.tensor([DISCOUNT**t * each for t, each in enumerate(ahead)], dtype=torch.float64)
        found += chance * _derivative((log * weights).sum(), logits, 2)
    return Figure(float((found - exact).abs().max() / exact.abs().max()), 0.1, above=True)


def exact_meta_gradient() -> Figure:
    """Its meta-gradient over every trajectory, against ∂/∂φ of J(φ + α∇J(φ)), enumerated.

    Where an action leads is certain and φ is indifferent, so that every first trajectory is as likely as the others:
    all of them, once each, are the expectation. Those after the step are weighed by their probability.
    """
    chain, place = _chain(certain=True), world()
    learner = learner_in(small("rl_maml", baseline="none", standardised=False, inner_lr=0.5), place)
    phi = phi_of(learner, torch.float64) | {"head.weight": torch.zeros(ACTIONS, 5, dtype=torch.float64)}
    phi |= {"head.bias": torch.zeros(ACTIONS, dtype=torch.float64)}
    leaves, paths = leaves_of(phi), acting.paths(chain)
    mode = Mode(training=True, second_order=True)
    theta = learner.path(leaves, lambda at, step: learner.experienced(at, _taken(chain, paths)), mode)[-1]
    loss = torch.zeros((), dtype=torch.float64)
    for path in paths:
        chance = acting.probability(acting.mlp_policy(theta, STATES), path).item()
        one = learner.experienced({name: value.detach() for name, value in theta.items()}, _taken(chain, [path]))
        loss = loss + chance * learner.loss(theta, one)
    found = dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))
    others = leaves_of(phi)

    def less(at: acting.Theta) -> Tensor:
        return -acting.expected_return(chain, acting.mlp_policy(at, STATES))

    after = acting.descended(others, less, 0.5, second_order=True)
    expected = dict(zip(others, torch.autograd.grad(less(after), list(others.values())), strict=True))
    return Figure(max(relative_error(found, expected), abs(loss.item() - less(after).item())), EXACT)


def differences_on_kept_trajectories(place: str, **settings: Any) -> Figure:
    """A job's gradient against differences of its loss, of trajectories that stay and get likelier as φ moves."""
    here = world(place)
    learner = learner_in(small("rl_maml", **settings), here)
    phi, [task], step = phi_of(learner, torch.float64), tasks_in(here), step_of()
    found = contribution(estimating("backpropagation"), learner, phi, [task], step).values
    kept = _kept(learner, phi, task, torch_generator(*step.seed("episode", JOB, 0)))
    mode = Mode(training=True, second_order=True)

    def loss_at(moved: dict[str, Tensor]) -> float:
        theta = learner.path(leaves_of(moved), lambda at, number: kept[number], mode)[-1]
        return learner.loss(theta, kept[-1]).item()

    errors = []
    for number in range(3):
        generator = torch_generator("direction", number)
        way = {name: torch.randn(value.shape, generator=generator, dtype=torch.float64) for name, value in phi.items()}
        ends = [loss_at({name: phi[name] + sign * FINITE_STEP * way[name] for name in phi}) for sign in (1, -1)]
        expected = sum(float((found[name] * way[name]).sum()) for name in phi)
        errors.append(abs((ends[0] - ends[1]) / (2 * FINITE_STEP) - expected) / abs(expected))
    return Figure(sorted(errors)[1], LOOSE)


def magic_box(estimator: str) -> Figure:
    """A job's gradient of two inner steps against DiCE as published, in plain loops."""
    here = world()
    config = small("rl_maml", baseline="none", standardised=False, inner_steps=2, inner_lr=0.3)
    learner, [task], step = learner_in(config, here), tasks_in(here), step_of()
    phi = phi_of(learner, torch.float64)
    found = contribution(estimating(estimator), learner, phi, [task], step)
    kept = _kept(learner, phi, task, torch_generator(*step.seed("episode", JOB, 0)))

    def loss(experience: Experience, theta: acting.Theta) -> Tensor:
        met = experience.trajectories
        return -acting.dice(acting.likelihoods(theta, met.observations, met.actions), met.rewards.tolist(), DISCOUNT)

    leaves = leaves_of(phi)
    theta: Any = leaves
    for experience in kept[:-1]:
        theta = acting.descended(theta, partial(loss, experience), 0.3, second_order=estimator == "backpropagation")
    value = loss(kept[-1], theta)
    expected = dict(zip(leaves, torch.autograd.grad(value, list(leaves.values())), strict=True))
    return Figure(max(relative_error(found.values, expected), abs(found.loss / value.item() - 1)), EXACT)


def first_order_is_another() -> Figure:
    """How far first order is from the gradient."""
    here = world()
    learner, tasks, step = learner_in(small("rl_maml", inner_lr=1.0), here), tasks_in(here), step_of()
    phi = phi_of(learner, torch.float64)
    names = ("backpropagation", "first_order")
    exact, other = (contribution(estimating(name), learner, phi, tasks, step).values for name in names)
    return Figure(relative_error(other, exact, floor=1.0), 0.01, above=True)


def actor_critic() -> Figure:
    """RL²'s gradient against a GRU gate by gate and generalised advantages term by term."""
    here = world()
    learner, [task], step = learner_in(small("rl2"), here), tasks_in(here), step_of()
    assert isinstance(learner, Rl2)
    phi = phi_of(learner, torch.float64)
    found = contribution(estimating("backpropagation"), learner, phi, [task], step)
    shape, draws = (TASK.n_query, TASK.k_shot), torch_generator(*step.seed("episode", JOB, 0))
    lives = learner._lived(phi, task.query_x, task.query_y, shape, draws)
    config, leaves = learner.config, leaves_of(phi)
    weights = acting.Weights(config.discount, config.gae_lambda, config.value_weight, config.entropy_weight)
    value = acting.actor_critic(leaves, lives.inputs, lives.actions, lives.rewards, weights)
    expected = dict(zip(leaves, torch.autograd.grad(value, list(leaves.values())), strict=True))
    loss = -lives.rewards.sum().item() / (TASK.n_query * TASK.k_shot)
    return Figure(max(relative_error(found.values, expected), abs(found.loss / loss - 1)), 1e-8)


def antithetic(learner: str) -> Figure:
    """Evolution's direction against the antithetic formula on losses of the same randomness."""
    here, step, pairs, sigma = world(), step_of(), 2, 0.5
    acts, [task] = learner_in(small(learner), here), tasks_in(here)
    phi = phi_of(acts, torch.float64)
    estimator = build_estimator(estimating("evolution", pairs=pairs, sigma=sigma))
    jobs = range(JOB + 1)
    found = [estimator.contribute(acts, phi, [task] if job == JOB else [], step, job) for job in jobs]
    noises = [perturbation(phi, step, JOB, pair) for pair in range(pairs)]

    def loss_at(moved: dict[str, Tensor], given: Episode, index: int) -> float:
        draws = torch_generator(*step.seed("episode", JOB, index))
        return acts.query_outcome(moved, given, Mode(training=True), draws).loss.item()

    expected = estimators.antithetic_slope(loss_at, phi, noises, sigma, [task])
    return Figure(relative_error(estimator.combine(phi, found, step), expected), 1e-8)


def sum_of_episodes(config: Section, estimator: Section) -> Figure:
    """A job of one task against what it contributes beside tasks of no more than its own: each has draws of its own."""
    here = world()
    learner, tasks, step = learner_in(config, here), tasks_in(here, 3), step_of()
    phi = phi_of(learner, torch.float64)
    first = contribution(estimator, learner, phi, tasks[:1], step)
    again = contribution(estimator, learner, phi, tasks[:1], step_of(chunk=2))
    whole, chunked = (contribution(estimator, learner, phi, tasks, step_of(chunk=each)) for each in (1, 2))
    return Figure(max(relative_error(again.values, first.values), relative_error(chunked.values, whole.values)), 1e-12)


def _kept(learner: RlMaml, phi: dict[str, Tensor], task: Episode, draws: torch.Generator) -> list[Experience]:
    """Return what a job meets of a task: of each inner step, and after the last."""
    kept: list[Experience] = []

    def met(theta: dict[str, Tensor], step: int) -> Experience:
        kept.append(learner._met(task.support_x, task.support_y, draws, theta, step))
        return kept[-1]

    theta = learner.path(leaves_of(phi), met, Mode(training=True))[-1]
    after = {name: value.detach() for name, value in theta.items()}
    collected = learner._collected(after, task.query_x, task.query_y, draws, 0)
    return [*kept, learner.experienced(after, collected)]


def _chain(*, certain: bool = False) -> acting.Chain:
    """Return a chain; where it is ``certain``, an action leads to one state."""
    following = _drawn("following", STATES, ACTIONS, STATES).softmax(dim=2)
    if certain:
        following = torch.nn.functional.one_hot(following.argmax(dim=2), STATES).double()
    return acting.Chain(following, _drawn("rewards", STATES, ACTIONS), HORIZON, DISCOUNT)


def _taken(chain: acting.Chain, paths: list[acting.Path]) -> Trajectories:
    """Return enumerated trajectories as the library has those that it collects."""
    places = torch.tensor([path.states[:-1] for path in paths])
    actions = torch.tensor([path.actions for path in paths])
    rewards = chain.rewards[places, actions]
    seen = torch.nn.functional.one_hot(places, STATES).double()
    return Trajectories(seen, actions, rewards, torch.ones_like(rewards))


def _objective(chain: acting.Chain, path: acting.Path, logits: Tensor, baseline: Tensor) -> Tensor:
    places, actions = list(path.states[:-1]), list(path.actions)
    log = logits.log_softmax(dim=1)[places, actions][None]
    ahead = [
        acting.returned(chain, path._replace(states=path.states[t:], actions=path.actions[t:])) for t in range(HORIZON)
    ]
    expected = baseline[range(HORIZON), places]
    advantages = torch.tensor([ahead], dtype=torch.float64) - expected
    return gained(log, log.detach(), advantages, chain.discount).sum()


def _derivative(value: Tensor, at: Tensor, order: int) -> Tensor:
    [slope] = torch.autograd.grad(value, at, create_graph=order > 1)
    if order == 1:
        return slope
    rows = [torch.autograd.grad(each, at, retain_graph=True)[0] for each in slope.flatten()]
    return torch.stack(rows)


def _drawn(name: str, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch_generator("acting", name), dtype=torch.float64)


def _maml() -> Iterator[Case]:
    for order in (1, 2):
        measure = partial(derivatives_of_the_expectation, order)
        yield Case("expected gradient", f"derivative {order}, every trajectory", measure)
    yield Case("not the gradient", "plain surrogate, derivative 2", plain_surrogate_is_biased)
    yield Case("expected gradient", "whole meta-gradient, every trajectory", exact_meta_gradient)
    variants = {"defaults": {}, "2 steps, λ 0.9": {"inner_steps": 2, "gae_lambda": 0.9}}
    for place in ("tabular_mdp", "navigation"):
        for label, settings in variants.items():
            measure = partial(differences_on_kept_trajectories, place, **settings)
            yield Case("finite differences", f"{place}, {label}", measure)
    yield Case("second formulation", "DiCE, 2 steps", partial(magic_box, "backpropagation"))


def _first_order() -> Iterator[Case]:
    yield Case("second formulation", "DiCE, 2 steps", partial(magic_box, "first_order"))
    yield Case("not the gradient", "tabular MDP", first_order_is_another)


PAIRS = {"evolution": {"pairs": 2, "sigma": 0.5}}
"""Wide enough for other actions to be taken."""
BY_PAIR = {
    ("rl_maml", "backpropagation"): _maml,
    ("rl_maml", "first_order"): _first_order,
    ("rl_maml", "evolution"): lambda: iter([Case("second formulation", "2 pairs", partial(antithetic, "rl_maml"))]),
    ("rl2", "backpropagation"): lambda: iter([Case("second formulation", "actor and critic", actor_critic)]),
    ("rl2", "evolution"): lambda: iter([Case("second formulation", "2 pairs", partial(antithetic, "rl2"))]),
}
