"""A run's steps as they lie in Redis: where it is, what is in its open step, and what makes the next version."""

from typing import Generic, NamedTuple, TypeVar

Job = TypeVar("Job")


class State(NamedTuple):
    """Where a run is: ``head`` is the newest committed version, ``loss`` and ``accuracy`` those of its last step."""

    head: int
    status: str
    phi_hash: str
    tasks: int
    loss: float | None
    accuracy: float | None
    step_seconds: float
    optimizer_hash: str = ""


class Published(NamedTuple):
    """What became of a contribution: ``published``, ``duplicate``, ``stale`` or ``stopped``, and how many are there."""

    outcome: str
    contributions: int


class OpenStep(NamedTuple, Generic[Job]):
    """All that the next version is made of beside the head, as it was at one moment: nothing in it is checked yet.

    ``contributions`` and ``origins`` are by job, in order of job, or by ticket where a run has tickets.
    """

    head: int
    phi_hash: str
    optimizer_hash: str
    contributions: dict[Job, bytes]
    origins: dict[Job, bytes]


class Commit(NamedTuple):
    """The next version, ready to be made the head."""

    phi: bytes
    optimizer: bytes
    phi_hash: str
    optimizer_hash: str
    log_entry: bytes
    loss: float
    accuracy: float
    tasks: int

    def state(self, head: int) -> State:
        """Return where a run is once this made ``head``, as long as nobody stops it."""
        fields = (self.phi_hash, self.tasks, self.loss, self.accuracy)
        return State(head, "running", *fields, step_seconds=0.0, optimizer_hash=self.optimizer_hash)
