"""Loss: the mean cross-entropy with labels, or the mean squared error to values."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from phiforge.learning.scores.bases.score import Score
from phiforge.registry import PartConfig


class LossConfig(PartConfig):
    """Nothing to set."""

    name: Literal["loss"] = "loss"


class Loss(Score):
    """What most learners minimise on the query set; one that minimises another loss reports that under this name."""

    Config = LossConfig
    higher_is_better = False

    def of(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return a scalar of at least 0."""
        return task_loss(outputs, targets)


def task_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cross-entropy with labels [n], or the mean squared error to values [n, 1]."""
    if targets.is_floating_point():
        return F.mse_loss(outputs, targets)
    return F.cross_entropy(outputs, targets)
