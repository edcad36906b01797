"""∂L/∂φ by backpropagation, through the inner loop (second order) or with its gradients as constants (first order)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from phiforge.episodes import Episode
from phiforge.learners import Learner, Mode, Phi
from phiforge.networks.normalisation import mean_statistics
from phiforge.randomness import torch_generator
from phiforge.spec.estimator import BackpropagationConfig
from phiforge.tensors import Tensors
from trainer.estimators.base import Contribution, Estimator, Step, descended_entries, mean_values


class Backpropagation(Estimator):
    """The contribution is Σ ∂lⁿ/∂φ over the job's episodes (Finn et al. 2017, algorithm 2, line 10)."""

    config: BackpropagationConfig

    def contribute(self, learner: Learner, phi: Phi, episodes: Sequence[Episode], step: Step, job: int) -> Contribution:
        """Return the summed gradient; ``numerics.chunk`` episodes share one backward pass."""
        mode = Mode(training=True, second_order=self.second_order(step), progress=step.progress)
        leaves = {name: value.detach().requires_grad_() for name, value in descended_entries(phi).items()}
        total: Tensors = {name: torch.zeros_like(value, dtype=torch.float64) for name, value in leaves.items()}
        loss = accuracy = 0.0
        for start in range(0, len(episodes), step.spec.numerics.chunk):
            chunk = range(start, min(start + step.spec.numerics.chunk, len(episodes)))
            outcomes = [
                learner.query_outcome(
                    {**phi, **leaves}, episodes[index], mode, torch_generator(*step.seed("episode", job, index))
                )
                for index in chunk
            ]
            for name, gradient in gradient_of([outcome.loss for outcome in outcomes], leaves).items():
                total[name] += gradient
            loss += sum(outcome.loss.item() for outcome in outcomes)
            accuracy += sum(outcome.accuracy.item() for outcome in outcomes)
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


def gradient_of(objectives: Sequence[Tensor], leaves: Mapping[str, Tensor]) -> Tensors:
    """Return the gradient of the sum of scalars; zero for a leaf that they do not depend on."""
    total = torch.stack(list(objectives)).sum()
    gradients = torch.autograd.grad(total, list(leaves.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(leaves, gradients, strict=True))
