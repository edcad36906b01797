"""A method's curve: how accurate it was after so many minutes and tasks, and when it came to an accuracy."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self


class Point(NamedTuple):
    """φ of a version as it was judged: accuracy on validation tasks, with half its 95 % interval."""

    version: int
    tasks: int
    minutes: float
    accuracy: float
    ci95: float


@dataclass
class Curve:
    """One method with one seed. ``ended`` says why it stopped; '' as long as it has not been judged to its end.

    ``settings`` is what it was measured with: a curve of other settings is not gone on with.
    """

    method: str
    seed: int
    settings: dict[str, Any]
    points: list[Point] = field(default_factory=list)
    ended: str = ""
    machine: str = ""

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self) | {"points": [each._asdict() for each in self.points]}, indent=1))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what ``save`` wrote."""
        found = json.loads(path.read_text())
        return cls(**found | {"points": [Point(**each) for each in found["points"]]})

    def minutes_to(self, accuracy: float) -> float | None:
        """Return after how many minutes it came to ``accuracy``; None if it never did."""
        return reached(self.points, accuracy, lambda point: point.minutes)

    def tasks_to(self, accuracy: float) -> float | None:
        """Return after how many tasks it came to ``accuracy``; None if it never did."""
        return reached(self.points, accuracy, lambda point: float(point.tasks))

    @property
    def tasks_a_second(self) -> float:
        """Tasks a second of its whole training, so far as it was judged."""
        last = self.points[-1]
        return last.tasks / (60 * last.minutes) if last.minutes else 0.0


def reached(points: Sequence[Point], accuracy: float, of: Callable[[Point], float]) -> float | None:
    """Return where the straight lines between ``points`` first come to ``accuracy``; None if they never do."""
    for place, point in enumerate(points):
        if point.accuracy < accuracy:
            continue
        if not place:
            return of(point)
        before = points[place - 1]
        share = (accuracy - before.accuracy) / (point.accuracy - before.accuracy)
        return of(before) + share * (of(point) - of(before))
    return None
