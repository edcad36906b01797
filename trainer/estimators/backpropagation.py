"""∂L/∂φ by backpropagation, through the inner loop (second order) or with its gradients as constants (first order)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from phiforge.episodes import Episode
from phiforge.learners import Learner, Mode, Phi
from phiforge.randomness import torch_generator
from phiforge.tensors import Tensors
from trainer.estimators.base import Contribution, Estimator, Step, mean_values


class Backpropagation(Estimator):
    """The contribution is Σ ∂lⁿ/∂φ over the job's episodes (Finn et al. 2017, algorithm 2, line 10)."""

    second_order = True

    def contribute(self, learner: Learner, phi: Phi, episodes: Sequence[Episode], step: Step, job: int) -> Contribution:
        """Return the summed gradient; ``numerics.chunk`` episodes share one backward pass."""
        mode = Mode(training=True, second_order=self.second_order, progress=step.progress)
        leaves = {name: value.detach().requires_grad_() for name, value in phi.items()}
        total: Tensors = {name: torch.zeros_like(value, dtype=torch.float64) for name, value in phi.items()}
        loss = accuracy = 0.0
        for start in range(0, len(episodes), step.spec.numerics.chunk):
            chunk = range(start, min(start + step.spec.numerics.chunk, len(episodes)))
            outcomes = [
                learner.query_outcome(leaves, episodes[index], mode, torch_generator(*step.seed("episode", job, index)))
                for index in chunk
            ]
            chunk_loss = torch.stack([outcome.loss for outcome in outcomes]).sum()
            gradients = torch.autograd.grad(chunk_loss, list(leaves.values()))
            for name, gradient in zip(leaves, gradients, strict=True):
                total[name] += gradient
            loss += chunk_loss.item()
            accuracy += sum(outcome.accuracy.item() for outcome in outcomes)
        values = {name: value.to(phi[name].dtype) for name, value in total.items()}
        return Contribution(loss, accuracy, len(episodes), values)

    def combine(self, phi: Phi, contributions: Sequence[Contribution], step: Step) -> Mapping[str, Tensor]:
        """Return the mean gradient over the meta-batch."""
        return mean_values(contributions)


class FirstOrder(Backpropagation):
    """The inner gradients count as constants (Finn et al. 2017, section 5.2): cheaper, and not ∂L/∂φ."""

    second_order = False
