"""Reptile: move φ towards what inner training makes of it (Nichol, Achiam and Schulman 2018, algorithm 1 and 2)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Generator, Tensor

from phiforge.learning.estimators.bases.estimator import (
    Contribution,
    Estimator,
    Step,
    descended_entries,
    mean_values,
    summed,
)
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Learner, Mode, Phi
from phiforge.learning.learners.bases.gradient import GradientLearner, gradients_at
from phiforge.learning.learners.bases.learner import outcome, task_loss
from phiforge.learning.networks.bases.normalisation import mean_statistics
from phiforge.learning.tensors import Tensors
from phiforge.spec.estimator import ReptileConfig
from phiforge.tasks.episodes import Episode

_BETA2, _EPSILON = 0.999, 1e-8


class Reptile(Estimator):
    """A contribution is Σ (φ - θ) over the job's episodes, where θ is φ after inner training on the support set.

    An outer ``sgd`` with ``lr`` as the paper's ε then moves φ by ε · mean(θ - φ).
    """

    config: ReptileConfig

    def contribute(self, learner: Learner, phi: Phi, episodes: Sequence[Episode], step: Step, job: int) -> Contribution:
        """Return the summed difference; loss and accuracy are θ's on the query set, which moves nothing."""
        if not isinstance(learner, GradientLearner):
            raise TypeError(f"learner {learner.name!r} has no inner training")
        mode = Mode(training=True, progress=step.progress)
        differences, losses, accuracies = [], 0.0, 0.0
        for index, episode in enumerate(episodes):
            theta = self.trained(learner, phi, episode, mode, torch_generator(*step.seed("episode", job, index)))
            with torch.no_grad():
                found = outcome(learner.model.outputs(theta, episode.query_x, mode.at(0)), episode.query_y)
            differences.append({name: phi[name] - theta[name] for name in descended_entries(phi)})
            losses, accuracies = losses + found.loss.item(), accuracies + found.accuracy.item()
        values = {name: value.to(phi[name].dtype) for name, value in summed(differences).items()}
        return Contribution(losses, accuracies, len(episodes), values, mean_statistics(phi, mode.noted))

    def combine(self, phi: Phi, contributions: Sequence[Contribution], step: Step) -> Mapping[str, Tensor]:
        """Return the mean difference over the meta-batch."""
        return mean_values(contributions)

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
                    lambda at, x=x, y=y: task_loss(learner.model.outputs(at, x, mode.learning(0)), y),  # type: ignore[misc]
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
