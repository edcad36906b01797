"""ANIL: the inner loop on the head only (Raghu et al. 2020, "Rapid Learning or Feature Reuse?", section 4)."""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from phiforge.learning.learners.bases.gradient import GradientConfig, LossAt
from phiforge.learning.learners.bases.learner import Mode
from phiforge.learning.learners.maml import Maml
from phiforge.learning.networks.bases.headed import HEAD
from phiforge.learning.scores.loss import task_loss
from phiforge.learning.tensors import Tensors
from phiforge.registry import NETWORKS
from phiforge.registry.section import Since


class AnilConfig(GradientConfig):
    """Settings of ANIL."""

    name: Literal["anil"] = "anil"
    body: Annotated[Literal["once", "every_step"], Since(2, absent="every_step")] = Field(
        default="every_step",
        description="How often the body, which no step moves, is computed of a support set: the same but for rounding, "
        "and once is faster. Under norm 'per_step', which changes it with each step, at every step.",
    )


class Anil(Maml):
    """φ is the initial θ⁰ as in MAML; F_φ moves the head and leaves the body as it is."""

    Config = AnilConfig
    whole_start = False
    config: AnilConfig

    def moves(self, name: str) -> bool:
        """Say whether the inner loop changes a parameter: the head's."""
        return name in HEAD

    def support_losses(self, start: Tensors, support_x: Tensor, support_y: Tensor, mode: Mode) -> LossAt:
        """Return, of each step, the support loss as a function of the head, of features that all steps share."""
        network = self.config.network
        if self.config.body == "every_step" or NETWORKS[network.name].fixes_some(network):
            return super().support_losses(start, support_x, support_y, mode)
        features = self.model.network.features(start, support_x, mode.learning(0))
        if not mode.second_order:
            features = features.detach()
        return lambda step, phi: lambda theta: task_loss(self.model.head_outputs(theta, features), support_y)
