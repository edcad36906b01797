"""What a job contributes: against differences on kept trajectories, and published formulas in plain loops."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from phiforge.learning.estimators import build_estimator
from phiforge.learning.estimators.bases.perturbations import perturbation
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Mode
from phiforge.learning.learners.rl2 import Rl2
from phiforge.learning.learners.rl_maml import Experience, RlMaml
from phiforge.registry.section import Section
from phiforge.tasks.episodes import Episode
from tests.certificate.acting.material import DISCOUNT, TASK, learner_in, small, tasks_in, world
from tests.certificate.material import JOB, Figure, contribution, estimating, phi_of, relative_error, step_of
from tests.references import acting, estimators
from tests.references.tasks import leaves_of

EXACT, LOOSE = 1e-10, 1e-5
FINITE_STEP = 1e-6


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
