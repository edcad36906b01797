"""What is said of one picture."""

from dataclasses import dataclass
from typing import Any

NONE_OF_THESE = "none of these"


@dataclass(frozen=True)
class Prediction:
    """The labels of one picture with their probabilities, from the likeliest on.

    ``picture``: its path, or its number. ``known``: whether it seems to be of one of the classes at all; None if that
    was not asked.

    Example::

        prediction.label, prediction.probability
        prediction.top(3)
    """

    picture: str
    ranked: tuple[tuple[str, float], ...]
    known: bool | None = None

    @property
    def label(self) -> str:
        """The likeliest label."""
        return self.ranked[0][0]

    @property
    def probability(self) -> float:
        """The probability of the likeliest label, in [0, 1]."""
        return self.ranked[0][1]

    @property
    def answer(self) -> str:
        """The likeliest label, or "none of these"."""
        return NONE_OF_THESE if self.known is False else self.label

    def top(self, count: int) -> tuple[tuple[str, float], ...]:
        """Return the ``count`` likeliest labels with their probabilities."""
        return self.ranked[:count]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        ranked = [{"label": label, "probability": probability} for label, probability in self.ranked]
        return {"picture": self.picture, "answer": self.answer, "known": self.known, "ranked": ranked}
