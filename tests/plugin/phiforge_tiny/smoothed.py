"""The gradient of a smoothed loss: the mean over pairs of gradients at φ + σε and φ − σε."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from pydantic import Field

from phiforge.learning.estimators.backpropagation import Backpropagation
from phiforge.learning.estimators.bases.estimator import (
    Contribution,
    Estimator,
    Step,
    Sums,
    added,
    descended_entries,
    summed,
)
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Learner, Phi
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig
from phiforge.registry.abilities import LearnerPart
from phiforge.tasks.episodes import Episode


class SmoothedConfig(PartConfig):
    """Settings of the smoothing."""

    name: Literal["smoothed"] = "smoothed"
    sigma: float = Field(default=0.01, gt=0, description="Standard deviation of the perturbations.")


class Smoothed(Estimator):
    """A contribution is the mean of a job's two gradients, at φ moved one way and the other."""

    Config = SmoothedConfig
    config: SmoothedConfig

    @classmethod
    def refuses(cls, learner: type[LearnerPart], config: Any) -> str | None:
        """Refuse what has no gradient."""
        return Backpropagation.refuses(learner, config)

    def contribute(self, learner: Learner, phi: Phi, episodes: Sequence[Episode], step: Step, job: int) -> Contribution:
        """Return half the sum of the two gradients."""
        gradient, noise = Backpropagation(Backpropagation.Config(name="backpropagation")), _noise(phi, step, job)
        found = [
            gradient.contribute(learner, {**phi, **_moved(phi, noise, sign * self.config.sigma)}, episodes, step, job)
            for sign in (1, -1)
        ]
        values = {
            name: (value / 2).to(phi[name].dtype) for name, value in summed([each.values for each in found]).items()
        }
        sums: Sums = added(found[0].scores, found[1].scores)
        return Contribution({name: value / 2 for name, value in sums.items()}, len(episodes), values)


def _noise(phi: Phi, step: Step, job: int) -> Tensors:
    generator = torch_generator(*step.seed("smoothing", job))
    return {
        name: torch.randn(value.shape, generator=generator, dtype=torch.float64).to(value)
        for name, value in sorted(descended_entries(phi).items())
    }


def _moved(phi: Phi, noise: Tensors, distance: float) -> Tensors:
    return {name: phi[name] + distance * value for name, value in noise.items()}
