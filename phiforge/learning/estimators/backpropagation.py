"""∂L/∂φ by backpropagation, through the inner loop: second order (Finn et al. 2017, algorithm 2)."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field

from phiforge.learning.estimators.bases.estimator import (
    NOTHING,
    Contribution,
    Estimator,
    Step,
    Sums,
    added,
    descended_entries,
)
from phiforge.learning.estimators.bases.gradients import summed_gradient
from phiforge.learning.estimators.bases.reasons import untrainable, without_gradient
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Learner, Mode, Phi
from phiforge.learning.networks.bases.normalisation import mean_statistics
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig
from phiforge.registry.abilities import LearnerPart
from phiforge.tasks.episodes import Episode


class BackpropagationConfig(PartConfig):
    """∂L/∂φ exactly, through the inner loop where there is one (second order)."""

    name: Literal["backpropagation"] = "backpropagation"
    second_order_from: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Fraction of the run before which it is first order (Antoniou et al. 2019: 0.33).",
    )


class Backpropagation(Estimator):
    """The contribution is Σ ∂lⁿ/∂φ over the job's episodes (Finn et al. 2017, algorithm 2, line 10)."""

    Config: ClassVar[type[PartConfig]] = BackpropagationConfig
    mapped = True
    exact = True
    config: BackpropagationConfig

    @classmethod
    def refuses(cls, learner: type[LearnerPart], config: Any) -> str | None:  # noqa: ANN401 - the learner's own
        """Refuse what has no φ, or no gradient in it."""
        return untrainable(learner) or without_gradient(learner)

    def contribute(self, learner: Learner, phi: Phi, episodes: Sequence[Episode], step: Step, job: int) -> Contribution:
        """Return the summed gradient; ``numerics.chunk`` episodes are computed together."""
        mode = Mode(training=True, second_order=self.second_order(step), progress=step.progress)
        at, size = descended_entries(phi), step.spec.numerics.chunk
        total: Tensors = {name: torch.zeros_like(value, dtype=torch.float64) for name, value in at.items()}
        draws = [torch_generator(*step.seed("episode", job, index)) for index in range(len(episodes))]
        sums: Sums = NOTHING
        for start in range(0, len(episodes), size):
            chunk = slice(start, start + size)
            found = summed_gradient(learner, phi, at, episodes[chunk], mode, draws[chunk])
            for name, gradient in found.gradient.items():
                total[name] += gradient
            sums = added(sums, found.scores)
        values = {name: value.to(phi[name].dtype) for name, value in total.items()}
        return Contribution(sums, len(episodes), values, mean_statistics(phi, mode.noted))

    def second_order(self, step: Step) -> bool:
        """Say whether ∂L/∂φ passes through the inner gradients at this step."""
        return step.progress >= self.config.second_order_from
