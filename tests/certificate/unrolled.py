"""Persistent evolution strategies: on real learners against a second formulation, and on what truncation gets wrong.

What it gets wrong is influence balancing (Tallec and Ollivier 2017, "Unbiasing truncated backpropagation through
time"): a chain of states s_t = A s_(t-1) + θ (1, 1, 1, -1, -1, -1, -1), whose first feels θ rise at once and fall
for good. Its loss is a quadratic in θ, so that smoothing does not change its gradient, which is known by hand.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from phiforge.learning.estimators import build_estimator
from phiforge.learning.estimators.bases.perturbations import perturbation
from phiforge.learning.learners import Learner, Outcome, TaskShape
from phiforge.registry.section import Section
from tests.certificate.formulations import formulation, plain_tasks
from tests.certificate.material import (
    JOB,
    N_WAY,
    REAL,
    SMALL,
    Figure,
    configured,
    episodes,
    estimating,
    learner_of,
    norm_of,
    phi_of,
    relative_error,
    step_of,
)
from tests.certificate.proofs import standard_errors
from tests.references import estimators, gradient
from tests.references.tasks import PlainTask, leaves_of

STEPS, PAIRS, SIGMA = 20, 4, 0.1
SIGNS = np.array([1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0])
CHAIN = (np.eye(len(SIGNS)) + np.eye(len(SIGNS), k=1)) / 2
THETA = 0.5


def second_formulation(config: Section, truncation: int, losses: str = "every") -> Figure:
    """The direction of two particles against the reference's, of a job that is not the first."""
    settings = {"pairs": 2, "sigma": 0.05, "truncation": truncation, "losses": losses}
    estimator, step = build_estimator(estimating("persistent_evolution", **settings)), step_of()
    learner, tasks = learner_of(config, REAL), episodes(config, REAL)
    phi = phi_of(learner, torch.float64)
    contributions = [
        estimator.contribute(learner, phi, tasks if job == JOB else [], step, job) for job in range(JOB + 1)
    ]
    pieces = -(-config.inner_steps // truncation)
    noises = [[perturbation(phi, step, JOB, pair, piece) for piece in range(pieces)] for pair in range(2)]
    weights = [1 / pieces] * pieces if losses == "every" else [0.0] * (pieces - 1) + [1.0]
    reference = _by_pieces(config, truncation)
    plain = plain_tasks(learner, tasks, step)
    expected = estimators.persistent_slope(reference, phi, noises, 0.05, plain, weights)
    return Figure(relative_error(estimator.combine(phi, contributions, step), expected), 1e-8)


def _by_pieces(config: Section, truncation: int) -> Callable[[list[dict], PlainTask], list[float]]:
    """Return the reference's losses after each piece."""
    if config.name == "hyperparameters":
        fixed = (config.inner_lr, config.weight_decay, config.label_smoothing)
        settings = {"steps": config.inner_steps, "length": truncation, "fixed": fixed, "norm": norm_of(config)}
        return partial(gradient.hyperparameters_by_pieces, **settings)
    ends = [*range(truncation, config.inner_steps, truncation), config.inner_steps]

    def of_the_start(phis: list[dict], task: PlainTask) -> list[float]:
        """Return them of a learner whose φ is a start alone: what decides later pieces changes nothing."""
        each = [config.model_copy(update={"inner_steps": end}) for end in ends]
        return [formulation(cut, exact=True)(leaves_of(phis[0]), task) for cut in each]

    return of_the_start


class Balancing(Learner):
    """A chain of states that θ pushes, in as many pieces as there are steps."""

    cuts = True
    transductive = False

    def __init__(self) -> None:
        super().__init__(configured("maml", inner_steps=STEPS), TaskShape(N_WAY, (1,)))

    def init_phi(self, generator: torch.Generator) -> dict:
        return {"theta": torch.tensor(THETA)}

    def adapt(self, *arguments: object) -> None:
        raise NotImplementedError

    def outcomes_by_pieces(self, phis: list[dict], length: int, *arguments: object) -> list[Outcome]:
        state, found = np.ones(len(SIGNS)), []
        for phi in phis:
            state = CHAIN @ state + phi["theta"].item() * SIGNS
            found.append(Outcome(torch.tensor((state[0] - 1) ** 2 / 2), {"accuracy": torch.zeros(())}))
        return found


def exact_slope() -> float:
    """Return ∂L/∂θ of the mean loss of all steps: states and their derivatives, step by step."""
    state, slope, total = np.ones(len(SIGNS)), np.zeros(len(SIGNS)), 0.0
    for _ in range(STEPS):
        state, slope = CHAIN @ state + THETA * SIGNS, CHAIN @ slope + SIGNS
        total += (state[0] - 1) * slope[0]
    return total / STEPS


def persistent_is_unbiased(jobs: int = 300) -> Figure:
    """Return how far the mean of many directions is from the exact gradient, in standard errors."""
    found = [estimator.combine(phi, [given], step)["theta"] for estimator, phi, given, step in _drawn(jobs)]
    return Figure(float(standard_errors(found, torch.tensor(exact_slope())).max()), 4.0)


def truncated_is_biased(jobs: int = 300) -> Figure:
    """Return how far that of the same losses is, if each is weighed by the perturbation of its own piece alone."""
    found = [_truncated(phi, given.values["pieces"], step) for _, phi, given, step in _drawn(jobs)]
    return Figure(float(standard_errors(found, torch.tensor(exact_slope())).max()), 20.0, above=True)


def _truncated(phi: dict, differences: torch.Tensor, step: object) -> torch.Tensor:
    noises = [
        [perturbation(phi, step, 0, pair, piece)["theta"] for piece in range(STEPS)] for pair in range(len(differences))
    ]
    return (torch.tensor(noises) * differences).sum() / (2 * SIGMA * len(differences))


def _drawn(jobs: int) -> list[tuple]:
    estimator = build_estimator(estimating("persistent_evolution", pairs=PAIRS, sigma=SIGMA, truncation=1))
    learner, phi, drawn = Balancing(), {"theta": torch.tensor(THETA, dtype=torch.float64)}, []
    tasks = episodes(configured("maml"), SMALL)  # which the chain does not look at
    for version in range(jobs):
        step = step_of(version)
        drawn.append((estimator, phi, estimator.contribute(learner, phi, tasks, step, 0), step))
    return drawn
