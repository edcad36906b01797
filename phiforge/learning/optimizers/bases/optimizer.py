"""What an outer optimiser is: how one entry of φ moves, as a pure function of its gradient and of what was kept."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor

from phiforge.learning.tensors import Tensors
from phiforge.registry import OPTIMIZERS, PartConfig
from phiforge.registry.abilities import OptimizerPart

SINCE = "since"
"""Names the version at which a state was zero, in a state that did not begin with its run."""


class Direction(NamedTuple):
    """Where an entry of φ goes, to be multiplied by minus its rate, and what is kept of it: float64, of its shape."""

    step: Tensor
    kept: Tensors


class Optimizer(OptimizerPart, ABC):
    """One way to move φ; ``slots`` names what is kept of each entry between updates.

    Example::

        optimizer = build_optimizer(AdamConfig(beta1=0.5))
        direction = optimizer.direction(gradient, {"mean": mean, "square": square}, updates=1)
        moved = value - lr * direction.step
    """

    def __init__(self, config: Any) -> None:  # noqa: ANN401 - its own configuration
        self.config = config

    @abstractmethod
    def direction(self, gradient: Tensor, kept: Mapping[str, Tensor], updates: int) -> Direction:
        """Return where an entry goes.

        Args:
            gradient: of the entry, float64, of its shape.
            kept: what was kept of it, by slot, float64; zeros before the first update.
            updates: how many updates there were with this one, 1 at the first.
        """


def build_optimizer(config: PartConfig) -> Optimizer:
    """Return the optimiser that ``config`` describes; raises MissingPartError if there is none such here."""
    return OPTIMIZERS.built_on(Optimizer, config.name)(config)
