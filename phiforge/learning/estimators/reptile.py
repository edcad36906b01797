"""Reptile: move φ towards what inner training makes of it (Nichol, Achiam and Schulman 2018, algorithm 1 and 2)."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from phiforge.learning.estimators.bases.estimator import (
    NOTHING,
    Contribution,
    Estimator,
    Step,
    Sums,
    added,
    descended_entries,
    scores_of,
    summed,
)
from phiforge.learning.estimators.bases.reasons import acting, not_all_moved, own_norm, untrainable
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Learner, Mode, Phi
from phiforge.learning.learners.bases.gradient import GradientLearner, gradients_at
from phiforge.learning.networks.bases.normalisation import mean_statistics
from phiforge.learning.scores.loss import task_loss
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig
from phiforge.registry.abilities import LearnerPart
from phiforge.tasks.episodes import Episode

_BETA2, _EPSILON = 0.999, 1e-8


class ReptileConfig(PartConfig):
    """φ moves towards what inner training made of it (Nichol, Achiam and Schulman 2018, algorithm 1)."""

    name: Literal["reptile"] = "reptile"
    inner_optimizer: Literal["sgd", "adam"] = Field(
        default="adam", description="Of the inner training; adam with beta1 = 0, as published."
    )
    inner_lr: float = Field(default=1e-3, gt=0, description="Step size of the inner training.")
    inner_steps: int = Field(default=5, ge=1, le=10_000, description="Steps of the inner training.")
    batch: int | None = Field(default=10, ge=1, description="Support examples of each step; null: all.")


class Reptile(Estimator):
    """A contribution is Σ (φ - θ) over the job's episodes, where θ is φ after inner training on the support set.

    An outer ``sgd`` with ``lr`` as the paper's ε then moves φ by ε · mean(θ - φ).
    """

    Config = ReptileConfig
    config: ReptileConfig

    @classmethod
    def refuses(cls, learner: type[LearnerPart], config: Any) -> str | None:  # noqa: ANN401 - the learner's own
        """Refuse what is not an initialisation, all of which moves."""
        return untrainable(learner) or acting("reptile", learner) or not_all_moved(learner) or own_norm(config)

    def contribute(self, learner: Learner, phi: Phi, episodes: Sequence[Episode], step: Step, job: int) -> Contribution:
        """Return the summed difference; loss and accuracy are θ's on the query set, which moves nothing."""
        if not isinstance(learner, GradientLearner):
            raise TypeError(f"learner {learner.name!r} has no inner training")
        mode = Mode(training=True, progress=step.progress)
        differences: list[Tensors] = []
        sums: Sums = NOTHING
        for index, episode in enumerate(episodes):
            generator = torch_generator(*step.seed("episode", job, index))
            theta = self.trained(learner, phi, episode, mode.drawing(generator), generator)
            with torch.no_grad():
                found = learner.outcome(learner.model.outputs(theta, episode.query_x, mode.at(0)), episode.query_y)
            differences.append({name: phi[name] - theta[name] for name in descended_entries(phi)})
            sums = added(sums, scores_of(found))
        values = {name: value.to(phi[name].dtype) for name, value in summed(differences).items()}
        return Contribution(sums, len(episodes), values, mean_statistics(phi, mode.noted))

    def trained(
        self, learner: GradientLearner, phi: Phi, episode: Episode, mode: Mode, generator: Generator
    ) -> Tensors:
        """Return φ after inner training on minibatches of the support set."""
        theta, squares = dict(phi), dict[str, Tensor]()
        for index in range(self.config.inner_steps):
            chosen = self._minibatch(len(episode.support_y), generator)
            x, y = episode.support_x[chosen], episode.support_y[chosen]
            moving = {name: value for name, value in theta.items() if learner.moves(name)}
            with torch.enable_grad():
                slopes = gradients_at(
                    lambda at, x=x, y=y, step=index: task_loss(learner.model.outputs(at, x, mode.learning(step)), y),  # type: ignore[misc]
                    theta,
                    moving,
                    keep_graph=False,
                )
            if self.config.inner_optimizer == "adam":
                slopes, squares = _adam(slopes, squares, index)
            theta |= {name: theta[name] - self.config.inner_lr * slope for name, slope in slopes.items()}
        return theta

    def _minibatch(self, examples: int, generator: Generator) -> Tensor:
        order = torch.randperm(examples, generator=generator)
        return order if self.config.batch is None else order[: self.config.batch]


def _adam(slopes: Tensors, squares: Tensors, index: int) -> tuple[Tensors, Tensors]:
    """Return Adam's directions with beta1 = 0, and the squares to remember (Nichol et al. 2018, section 6.1)."""
    squares = {
        name: _BETA2 * squares.get(name, torch.zeros_like(slope)) + (1 - _BETA2) * slope.square()
        for name, slope in slopes.items()
    }
    scale = 1 - _BETA2 ** (index + 1)
    return {name: slope / ((squares[name] / scale).sqrt() + _EPSILON) for name, slope in slopes.items()}, squares
