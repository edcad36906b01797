"""Brier score: how far probabilities are from what came true (Brier 1950)."""

from typing import Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from phiforge.learning.scores.bases.score import Score
from phiforge.registry import PartConfig


class BrierConfig(PartConfig):
    """Settings of the probabilities."""

    name: Literal["brier"] = "brier"
    temperature: float = Field(default=1.0, gt=0, description="Divides the logits.")


class Brier(Score):
    """The mean over queries of the squared distance between the probabilities and the label's corner."""

    Config = BrierConfig
    higher_is_better = False
    regression = False
    config: BrierConfig

    def of(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return a scalar in [0, 2]."""
        probabilities = (outputs / self.config.temperature).softmax(dim=1)
        return (probabilities - F.one_hot(targets, outputs.shape[1])).square().sum(dim=1).mean()
