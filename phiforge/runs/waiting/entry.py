"""One run's entry in the queue. All that decides its turn is in its name, so that one listing tells the whole queue.

Entries sort by name as they are served: higher priorities first, then by the place that each drew.
"""

from typing import NamedTuple, Self

from phiforge.runs.submitted import RunRecord, Submitted
from phiforge.runs.waiting.wish import HIGHEST, Labels, spelled

_NO_LABELS = "-"


class Entry(NamedTuple):
    """A run that waits.

    Args:
        priority: higher ones come first
        place: a number that grows with every entry: first come, first served
        run: its id
        created_ms: when it was submitted, in ms by the submitter's clock; for display only
        versions: how many it is to have
        tasks: how many one version is learned from
        labels: what it belongs to
    """

    priority: int
    place: int
    run: str
    created_ms: int
    versions: int
    tasks: int
    labels: Labels

    @classmethod
    def of(cls, record: RunRecord | Submitted, place: int) -> Self:
        """Return the entry of a run at ``place``, as it was submitted."""
        created_ms, wish = max(0, round(1000 * record.created_at)), record.wish
        return cls(wish.priority, place, record.run, created_ms, record.versions, record.tasks, wish.labels)

    @property
    def name(self) -> str:
        """Its name in storage, by which entries sort as they are served."""
        rank, size = HIGHEST - self.priority, f"{self.versions}x{self.tasks}"
        labels = spelled(self.labels) or _NO_LABELS
        return f"{rank:04d}.{self.place:012d}.{self.run}.{self.created_ms}.{size}.{labels}"

    @property
    def size(self) -> int:
        """Tasks that the whole run is learned from; at least 1."""
        return max(1, self.versions * self.tasks)

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """Return the entry of that name; None if it is none's."""
        rank, *rest = name.split(".")
        try:
            place, run, created_ms, size, *labels = rest
            versions, _, tasks = size.partition("x")
            read = tuple(_pair(label) for label in labels if label != _NO_LABELS)
            return cls(HIGHEST - int(rank), int(place), run, int(created_ms), int(versions), int(tasks), read)
        except ValueError:
            return None


def _pair(label: str) -> tuple[str, str]:
    """Return name and value; raises ValueError if they are not two."""
    name, value = label.split("=")
    return name, value
