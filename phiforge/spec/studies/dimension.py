"""One field of a space: which values it may have, and which of them a number between 0 and 1 stands for."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from phiforge.base.canonical import canonical_json
from phiforge.registry.section import Section

Kind = Literal["choice", "int", "float", "log", "log_int"]

_DIGITS = 6
"""Significant digits of a number that is drawn: so it is the same wherever logarithms differ in their last bits."""

MOST_VALUES = 1000


class Dimension(Section):
    """What one field of the run spec may be.

    Args:
        type: ``choice``; ``int`` and ``float``, where all values are as likely; ``log`` and ``log_int``, where all
            orders of magnitude are.
        values: of a choice: numbers, words, truth values, or whole sections.
        low: the smallest value of a number.
        high: the largest.
        when: other fields of the space, and the values that they must have for this one to be set at all.

    Example::

        rate = Dimension(type="log", low=1e-4, high=1e-1)
        rate.value_at(0.5), rate.unit_of(1e-4)   # 0.00316228, 0.0
    """

    type: Kind
    values: tuple[Any, ...] = Field(default=(), max_length=MOST_VALUES, description="Of a choice: what there is.")
    low: int | float | None = Field(default=None, description="Smallest value of a number.")
    high: int | float | None = Field(default=None, description="Largest value of a number.")
    when: Mapping[str, Any] = Field(
        default={}, description="Fields of the space, and the value, or list of values, at which this one is set."
    )

    @classmethod
    def _may_be_true(cls, key: Any) -> bool:  # noqa: ANN401 - whatever was given
        return key in ("values", "when") or super()._may_be_true(key)

    @property
    def is_choice(self) -> bool:
        """Whether its values have no order."""
        return self.type == "choice"

    @property
    def is_whole(self) -> bool:
        """Whether its values are whole numbers."""
        return self.type in ("int", "log_int")

    @property
    def is_log(self) -> bool:
        """Whether all orders of magnitude are as likely."""
        return self.type in ("log", "log_int")

    @property
    def size(self) -> float:
        """How many values there are."""
        if self.is_choice:
            return len(self.values)
        low, high = self.bounds
        return high - low + 1 if self.is_whole else math.inf

    @property
    def bounds(self) -> tuple[float, float]:
        """The smallest and the largest value of a number."""
        assert self.low is not None
        assert self.high is not None
        return self.low, self.high

    def value_at(self, unit: float) -> Any:  # noqa: ANN401 - any value of a spec
        """Return the value that ``unit``, from 0 on and below 1, stands for."""
        if self.is_choice:
            return self.values[min(int(unit * len(self.values)), len(self.values) - 1)]
        low, high = self.bounds
        first, last = self._scaled(low), self._scaled(high + 1 if self.is_whole else high)
        found = self._unscaled(first + unit * (last - first))
        return min(max(math.floor(found), low), high) if self.is_whole else self.rounded(found)

    def rounded(self, value: float) -> float:
        """Return a number with as many digits as are drawn, within the bounds."""
        low, high = self.bounds
        return min(max(float(f"{value:.{_DIGITS}g}"), low), high)

    def unit_of(self, value: Any) -> float:  # noqa: ANN401 - any value of a spec
        """Return the middle of what stands for ``value``; raises ValueError if it is no value of this field."""
        if self.is_choice:
            return (position_of(value, self.values) + 0.5) / len(self.values)
        low, high = self.bounds
        first, last = self._scaled(low), self._scaled(high + 1 if self.is_whole else high)
        unit = (self._scaled(value + 0.5 if self.is_whole else value) - first) / (last - first)
        return min(max(unit, 0.0), 1.0)

    def points(self, most: int) -> list[Any]:
        """Return all values if there are no more than ``most``, or it is a choice; else so many from low to high."""
        if self.is_choice:
            return list(self.values)
        low, high = self.bounds
        if self.size <= most:
            return list(range(int(low), int(high) + 1))
        if most == 1:
            return [self.value_at(0.5)]
        first, last = self._scaled(low), self._scaled(high)
        found = [self._unscaled(first + index * (last - first) / (most - 1)) for index in range(most)]
        return [round(each) if self.is_whole else self.rounded(each) for each in found]

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.is_log else value

    def _unscaled(self, value: float) -> float:
        return math.exp(value) if self.is_log else value


def position_of(value: Any, among: Sequence[Any]) -> int:  # noqa: ANN401 - any value of a spec
    """Return where ``value`` is in a list, a truth value being no number; raises ValueError if it is not there."""
    return [canonical_json(each) for each in among].index(canonical_json(value))
