"""∂L/∂φ by backpropagation, through the inner loop (second order) or with its gradients as constants (first order)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from phiforge.learning.estimators.bases.estimator import Contribution, Estimator, Step, descended_entries, mean_values
from phiforge.learning.estimators.bases.gradients import summed_gradient
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Learner, Mode, Phi
from phiforge.learning.networks.bases.normalisation import mean_statistics
from phiforge.learning.tensors import Tensors
from phiforge.spec.estimator import BackpropagationConfig
from phiforge.tasks.episodes import Episode


class Backpropagation(Estimator):
    """The contribution is Σ ∂lⁿ/∂φ over the job's episodes (Finn et al. 2017, algorithm 2, line 10)."""

    config: BackpropagationConfig

    def contribute(self, learner: Learner, phi: Phi, episodes: Sequence[Episode], step: Step, job: int) -> Contribution:
        """Return the summed gradient; ``numerics.chunk`` episodes are computed together."""
        mode = Mode(training=True, second_order=self.second_order(step), progress=step.progress)
        at, size = descended_entries(phi), step.spec.numerics.chunk
        total: Tensors = {name: torch.zeros_like(value, dtype=torch.float64) for name, value in at.items()}
        draws = [torch_generator(*step.seed("episode", job, index)) for index in range(len(episodes))]
        loss = accuracy = 0.0
        for start in range(0, len(episodes), size):
            chunk = slice(start, start + size)
            found = summed_gradient(learner, phi, at, episodes[chunk], mode, draws[chunk])
            for name, gradient in found.gradient.items():
                total[name] += gradient
            loss, accuracy = loss + found.loss, accuracy + found.accuracy
        values = {name: value.to(phi[name].dtype) for name, value in total.items()}
        return Contribution(loss, accuracy, len(episodes), values, mean_statistics(phi, mode.noted))

    def combine(self, phi: Phi, contributions: Sequence[Contribution], step: Step) -> Mapping[str, Tensor]:
        """Return the mean gradient over the meta-batch."""
        return mean_values(contributions)

    def second_order(self, step: Step) -> bool:
        """Say whether ∂L/∂φ passes through the inner gradients at this step."""
        return step.progress >= self.config.second_order_from


class FirstOrder(Backpropagation):
    """The inner gradients count as constants (Finn et al. 2017, section 5.2): cheaper, and not ∂L/∂φ."""

    def second_order(self, step: Step) -> bool:
        """Never."""
        return False
