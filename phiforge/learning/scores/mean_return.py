"""Mean return: what a policy gains on a task to act in."""

from typing import Literal

from torch import Tensor

from phiforge.learning.scores.bases.score import Score
from phiforge.registry import PartConfig


class MeanReturnConfig(PartConfig):
    """Nothing to set."""

    name: Literal["mean_return"] = "mean_return"


class MeanReturn(Score):
    """The mean over trajectories of their summed rewards, not discounted; of tasks to act in, where it always is."""

    Config = MeanReturnConfig
    reinforcement = True

    def of(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean of ``outputs`` [n], what trajectories returned; ``targets`` are not looked at."""
        return outputs.mean()
