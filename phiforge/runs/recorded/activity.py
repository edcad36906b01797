"""Which runs services should move, and which are over and have episodes left."""

from phiforge.base.errors import MissingObjectError
from phiforge.runs.recorded.written import Written


class Activity(Written):
    """Marks of runs: empty objects, one a run."""

    def activate(self, run: str) -> None:
        """Mark ``run`` as one that services should move, whether it is or not."""
        self.store.put(_active_key(run), b"")

    def admit(self, run: str, entry: str) -> bool:
        """Mark ``run``, which had the entry of that name in the queue, as one that services should move.

        True of all who do if this call was the first.
        """
        return self.store.put_if_absent(_active_key(run), entry.encode())

    def deactivate(self, run: str) -> None:
        """Mark ``run`` as one that services should not move now."""
        self.store.delete(_active_key(run))

    def is_active(self, run: str) -> bool:
        """Say whether services should move ``run``."""
        return self.store.exists(_active_key(run))

    def entry_of(self, run: str) -> str:
        """Return the name of the entry that ``run``, now active, had in the queue; empty if none is noted."""
        try:
            return self.store.get(_active_key(run)).decode(errors="replace")
        except MissingObjectError:
            return ""

    def active(self) -> list[str]:
        """Return the ids of the runs that services should move."""
        return [key.removeprefix("active/") for key in self.store.list("active/")]

    def retire(self, run: str) -> None:
        """Mark ``run`` as one that needs nothing more, once its episodes are deleted."""
        self.store.put(f"ended/{run}", b"")
        self.deactivate(run)

    def ended(self) -> list[str]:
        """Return the ids of the runs that are over and whose episodes are not deleted yet."""
        return [key.removeprefix("ended/") for key in self.store.list("ended/")]

    def settle(self, run: str) -> None:
        """Mark the episodes of ``run``, which is over, as dealt with."""
        self.store.delete(f"ended/{run}")


def _active_key(run: str) -> str:
    return f"active/{run}"
