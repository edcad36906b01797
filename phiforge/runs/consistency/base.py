"""What a protocol is: the rules by which contributions become versions, and how runs are moved by them.

``Rules`` follow from a spec alone, so that whoever computes a run again needs no fleet. ``Consistency`` acts on a
platform. The trainer's part comes in by ``Hands``.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

from phiforge.runs.commit_log import Entry, Origin, Work
from phiforge.runs.outcomes import Outcome
from phiforge.runs.platform import RunPlatform
from phiforge.runs.record import Extras
from phiforge.runs.steps import Commit, OpenStep, Published, State, Ticket
from phiforge.runs.submitted import RunRecord
from phiforge.spec.run import RunSpec

if TYPE_CHECKING:  # whose turn it is can be said without torch
    from phiforge.runs.checkpoints import Checkpoint


class OpenJob(NamedTuple):
    """A job of the open step: of which run, and the state that the step is from."""

    record: RunRecord
    state: State
    job: int


class Moved(NamedTuple):
    """What became of a job, and the one to go on with, if any."""

    outcome: Outcome
    kept: OpenJob | None = None


class Hands(Protocol):
    """What a trainer lends to whoever moves a run."""

    def work(self, record: RunRecord, state: State, version: int, job: int) -> tuple[bytes, Origin]:
        """Return what ``job`` of ``version`` contributes, computed from φ of the head that ``state`` is at.

        Raises NotReadyError if its episodes are not there, or that head is not there any more.
        """
        ...

    def next_version(self, record: RunRecord, step: OpenStep) -> Commit:
        """Return what a whole, intact step comes to; raises RunError if it is not finite, NotReadyError as ``work``."""
        ...

    def keep(self, commit: Commit) -> None:
        """Hold what was just committed."""
        ...

    def published(self, record: RunRecord, version: int, count: int) -> None:
        """Note that the ``count``-th contribution to the step from ``version`` was this trainer's."""
        ...

    def kept(self, record: RunRecord, version: int) -> int:
        """Return which job of ``version`` this trainer would go on with."""
        ...


class Rules(ABC):
    """What follows from a run's spec alone."""

    name: ClassVar[str]
    """How specs call the protocol."""
    in_step: ClassVar[bool]
    """Whether every version is made of its own jobs, computed from the φ before it."""
    bit_reproducible: ClassVar[bool]
    """Whether the spec alone decides φ of every version."""

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec

    @property
    @abstractmethod
    def reach(self) -> int:
        """How many versions after the head's have jobs that may be worked on."""

    @abstractmethod
    def open_at(self, start: int, extras: Extras) -> list[Ticket]:
        """Return the jobs that may be worked on where a run starts or goes on, in order.

        Args:
            start: the version of the checkpoint
            extras: what the checkpoint lists beside φ

        Raises:
            FormatError: ``extras`` are not those of such a run.
        """

    @abstractmethod
    def opened_by(self, head: int) -> list[Ticket]:
        """Return the jobs that may be worked on once ``head`` is reached, and not before."""

    @abstractmethod
    def extras_after(self, head: int, extras: Extras, used: Iterable[Ticket]) -> Extras:
        """Return what a checkpoint of ``head + 1`` lists beside φ.

        Args:
            head: the version before
            extras: what a checkpoint of it lists
            used: the jobs that version ``head + 1`` was made of
        """

    @abstractmethod
    def noted(self, works: Sequence[Work]) -> Sequence[Work]:
        """Return which of a version's works its log entry names: those that the version alone does not tell."""

    @abstractmethod
    def is_determined(self, start: int, entries: Iterable[Entry]) -> bool:
        """Say whether the versions of ``entries`` can be computed from φ of ``start``."""

    def needed_from(self, version: int, extras: Extras) -> int:
        """Return the first version whose episodes may be asked for, where a run goes on from such a checkpoint."""
        return min((ticket.version for ticket in self.open_at(version, extras)), default=version)

    def has_pace_of(self, other: "Rules") -> bool:
        """Say whether what a checkpoint of ``other`` lists beside φ is right for this run too."""
        return self._pace() == other._pace()

    def _pace(self) -> tuple[str, int, int, int]:
        return self.name, self.reach, self.spec.outer.jobs, self.spec.outer.versions

    def _jobs_of(self, version: int) -> list[Ticket]:
        """Return the jobs of ``version``: none if the run ends there."""
        if version >= self.spec.outer.versions:
            return []
        return [Ticket(version, job) for job in range(self.spec.outer.jobs)]


class Consistency(ABC):
    """Moves runs of one protocol on one platform; everything it remembers is a cache."""

    def __init__(self, platform: RunPlatform) -> None:
        self.platform = platform

    @abstractmethod
    def rules(self, record: RunRecord) -> Rules:
        """Return the rules of a run of this protocol."""

    @abstractmethod
    def attempts_kind(self, version: int) -> str:
        """Return under which kind attempts at a job of ``version`` are counted."""

    @abstractmethod
    def move(self, hands: Hands, record: RunRecord, version: int, job: int) -> Moved:
        """Move a run by one job, and make the next version if it was the last that this takes.

        Raises:
            NotReadyError: the job cannot be done now, or something it needs was damaged; it was asked for again.
            RunError: the run cannot go on.
        """

    @abstractmethod
    def go_on(self, hands: Hands, kept: OpenJob) -> Moved:
        """Move a run by a job that a trainer kept to itself; raises as ``move``."""

    @abstractmethod
    def contributed(self, run: str, version: int) -> set[Ticket]:
        """Return the jobs whose contributions wait to become a version; ``version`` is the head."""

    @abstractmethod
    def publish(self, record: RunRecord, ticket: Ticket, state: State, payload: bytes, origin: Origin) -> Published:
        """Let a job's contribution wait, unless it is not wanted.

        Args:
            record: the run
            ticket: the job
            state: the head from whose φ it was computed
            payload: its bytes
            origin: where it comes from
        """

    @abstractmethod
    def open_step(
        self, record: RunRecord, head: int | None = None, own: Mapping[Ticket, bytes] | None = None
    ) -> OpenStep | None:
        """Return what the next version is made of; None if it cannot be made now.

        Args:
            record: the run
            head: the version before; None for whichever is the head
            own: contributions that the caller published, which need not be read once more
        """

    @abstractmethod
    def commit(self, record: RunRecord, step: OpenStep, commit: Commit) -> bool:
        """Make ``commit`` of ``step`` the head; False if another worker was first or the run is over."""

    @abstractmethod
    def drop(self, record: RunRecord, head: int, tickets: Sequence[Ticket]) -> None:
        """Take contributions out of what waits, for they are damaged, and ask for them again."""

    @abstractmethod
    def restore(self, record: RunRecord, checkpoint: "Checkpoint") -> bool:
        """Make a checkpoint the head if Redis has none or an older one; False if there was nothing to do."""

    @abstractmethod
    def send(self, record: RunRecord, version: int, kept: int | None = None) -> None:
        """Send the jobs that follow from ``version`` being the head; job ``kept`` needs no message."""

    @abstractmethod
    def send_open(self, record: RunRecord, checkpoint: "Checkpoint") -> None:
        """Send the jobs that are open at a checkpoint and that ``send`` of its version does not."""

    @abstractmethod
    def resend(self, record: RunRecord, head: int) -> None:
        """Send again what a silent run lacks: episodes and jobs; or any job, if only the commit is missing."""

    @abstractmethod
    def checkpoint_extras(self, record: RunRecord, version: int) -> Extras | None:
        """Return what the checkpoint of the head lists beside φ; None if ``version`` is not the head any more."""

    @abstractmethod
    def wants_episodes(self, record: RunRecord, state: State, version: int) -> bool:
        """Say whether a trainer may still ask for the episodes of ``version``."""

    def episodes_needed_from(self, record: RunRecord, version: int) -> int:
        """Return the first version whose episodes a run needs that is restored from checkpoint ``version``.

        Raises FormatError if that checkpoint is damaged.
        """
        return self.rules(record).needed_from(version, self.platform.record.extras(record.run, version))
