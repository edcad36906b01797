"""What a score is: a number of one task's outputs and targets."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor

from phiforge.registry import SCORES, PartConfig
from phiforge.registry.abilities import ScorePart


class Score(ScorePart, ABC):
    """One number a task; means over tasks are what is reported. No gradient goes through it.

    Example::

        build_score(AccuracyConfig()).of(logits, labels)  # a scalar in [0, 1]
    """

    def __init__(self, config: Any) -> None:  # noqa: ANN401 - its own configuration
        self.config = config

    @abstractmethod
    def of(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the score as a scalar.

        Args:
            outputs: of the query set, detached: logits [n, n_way], or values [n, 1] of a regression.
            targets: labels [n], or values [n, 1].
        """


def build_score(config: PartConfig) -> Score:
    """Return the score that ``config`` describes; raises MissingPartError if there is none such here."""
    return SCORES.built_on(Score, config.name)(config)
