"""A run's steps as they lie in Redis: where it is, what is in its open step, and what makes the next version."""

from collections.abc import Mapping
from typing import NamedTuple, Self

from phiforge.runs.outcomes import Outcome
from phiforge.runs.record import RunStatus


class Ticket(NamedTuple):
    """A job of a version: it names the job's episodes, and contributions are reduced in order of it."""

    version: int
    job: int

    def __str__(self) -> str:
        return f"{self.version}:{self.job}"

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Read what ``str`` gave; raises ValueError for anything else."""
        version, _, job = text.decode().partition(":")
        return cls(int(version), int(job))


class State(NamedTuple):
    """Where a run is: ``head`` is the newest committed version, ``scores`` are its last step's means by name."""

    head: int
    status: RunStatus
    phi_hash: str
    tasks: int
    scores: Mapping[str, float]
    step_seconds: float
    optimizer_hash: str = ""


class Published(NamedTuple):
    """What became of a contribution, and how many are there."""

    outcome: Outcome
    contributions: int


class OpenStep(NamedTuple):
    """All that the next version is made of beside the head, as it was at one moment: nothing in it is checked yet.

    ``contributions`` and ``origins`` are by job, in order of it.
    """

    head: int
    phi_hash: str
    optimizer_hash: str
    contributions: Mapping[Ticket, bytes]
    origins: Mapping[Ticket, bytes]


class Commit(NamedTuple):
    """The next version, ready to be made the head; ``scores`` are means over its tasks by name."""

    phi: bytes
    optimizer: bytes
    phi_hash: str
    optimizer_hash: str
    log_entry: bytes
    scores: Mapping[str, float]
    tasks: int

    def state(self, head: int) -> State:
        """Return where a run is once this made ``head``, as long as nobody stops it."""
        fields = (self.phi_hash, self.tasks, self.scores)
        return State(head, RunStatus.RUNNING, *fields, step_seconds=0.0, optimizer_hash=self.optimizer_hash)


class Restored(NamedTuple):
    """A checkpoint as it goes to Redis: encoded tensors, and the hashes that name them."""

    version: int
    phi: bytes
    optimizer: bytes
    phi_hash: str
    optimizer_hash: str
    tasks: int
