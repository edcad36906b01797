"""Learners whose support sets are augmented by a policy in φ; to be derived from beside the learner that gets it.

The policy acts on support images alone, in meta-training as on unseen tasks, and learns by the loss on the query set.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, field_validator
from torch import Generator, Tensor

from phiforge.learning.learners.bases.augmentation.policy import POLICY, applied, fresh_policy
from phiforge.learning.learners.bases.learner import Learner, Mode, Phi, Predictor
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.learning.tensors import Tensors
from phiforge.registry import NETWORKS, PartConfig, PartOf

Operation = Literal["translate_x", "translate_y", "rotate", "shear", "scale", "brightness", "contrast"]
_ALL: tuple[Operation, ...] = ("translate_x", "translate_y", "rotate", "shear", "scale", "brightness", "contrast")


class AugmentationConfig(PartConfig):
    """What an augmentation in φ has, and a network of images."""

    copies: int = Field(
        default=1, ge=1, le=16, description="Augmented copies of each support image that join it in the support set."
    )
    operations: tuple[Operation, ...] = Field(
        default=_ALL,
        min_length=1,
        description="What may be done to a copy; each has a probability and a strength in φ.",
    )
    probability: float = Field(default=0.5, gt=0, lt=1, description="Of each operation at first.")
    strength: float = Field(default=0.2, gt=0, lt=1, description="At first, as a share of the most that it can do.")
    temperature: float = Field(
        default=0.5,
        gt=0,
        le=10,
        description="τ of the relaxed choice: near 0 an operation is done or not, not in part.",
    )
    network: Annotated[PartConfig, PartOf(NETWORKS, able="images", default="conv4")] = Conv4Config()

    @field_validator("operations")
    @classmethod
    def _each_once(cls, given: tuple[Operation, ...]) -> tuple[Operation, ...]:
        if len(set(given)) < len(given):
            raise ValueError("each may be named once")
        return given


class Augmented(Learner):
    """φ is that of the learner beside it, and a policy under ``augmentation/``; its support set is augmented first."""

    mapped = False  # it draws
    cuts = False  # one support set serves all pieces
    regresses = False
    whole_start = False
    config: Any

    def init_phi(self, generator: Generator) -> Tensors:
        """Return the learner's fresh φ, and a policy that does all operations alike."""
        config = self.config
        phi = super().init_phi(generator)  # type: ignore[safe-super]  # the learner's beside
        return phi | fresh_policy(config.operations, config.probability, config.strength)

    def adapt(self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator) -> Predictor:
        """Return the model that the learner builds from the augmented support set."""
        images, labels = self.augmented(phi, support_x, support_y, generator)
        return super().adapt(_others(phi), images, labels, mode, generator)  # type: ignore[safe-super]  # as above

    def adapt_by_steps(
        self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator, steps: Sequence[int]
    ) -> dict[int, Predictor]:
        """Return its models after each number of inner ``steps`` on one augmented support set."""
        images, labels = self.augmented(phi, support_x, support_y, generator)
        return super().adapt_by_steps(_others(phi), images, labels, mode, generator, steps)

    def augmented(
        self, phi: Mapping[str, Tensor], images: Tensor, labels: Tensor, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        """Return a support set of n images [n, ...] and labels [n] with its copies: (copies + 1) · n of each."""
        copies = images.repeat(self.config.copies, 1, 1, 1)
        with torch.enable_grad():
            changed = applied(phi, self.config.operations, copies, self.config.temperature, generator)
        return torch.cat([images, changed]), labels.repeat(self.config.copies + 1)


def _others(phi: Phi) -> Tensors:
    return {name: value for name, value in phi.items() if not name.startswith(f"{POLICY}/")}
