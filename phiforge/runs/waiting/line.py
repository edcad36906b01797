"""Where runs wait: an entry each under ``queue/``. A run is in it, active, or over; never nowhere.

Every move writes the new place before it leaves the old one, and removes only the very entry that it saw. So whoever
dies in between, or wakes up late, leaves an entry too many at most, which an admission drops once the run is not held.
"""

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple
from uuid import uuid4

from phiforge.runs.exchange import Exchange
from phiforge.runs.store import Store
from phiforge.runs.waiting.entry import Entry

ROOT = "queue"


class Where(StrEnum):
    """What a run waits for: its turn, the end of another run, or a person."""

    READY = "ready"
    AFTER = "after"
    HELD = "held"


class Waiting(NamedTuple):
    """An entry, what it waits for, and behind which run if that is what it waits for."""

    entry: Entry
    where: Where
    behind: str = ""

    @property
    def run(self) -> str:
        """The run's id."""
        return self.entry.run

    @property
    def key(self) -> str:
        """Where the entry lies."""
        among = {Where.READY: (), Where.AFTER: (self.behind,), Where.HELD: (self.run,)}[self.where]
        return "/".join((ROOT, self.where, *among, self.entry.name))


class Line:
    """The queue of one fleet's runs."""

    def __init__(self, store: Store, exchange: Exchange) -> None:
        self._store = store
        self._redis, self._namespace = exchange.redis, exchange.namespace
        self._changes_key = f"{self._namespace}:line:changes"

    def all(self) -> Iterator[Waiting]:
        """Yield every entry: those behind others, those held, then those whose turn comes, in order of it."""
        return entries(self._store)

    def ready(self) -> Iterator[Waiting]:
        """Yield the entries whose turn comes, the next one first."""
        return entries(self._store, Where.READY)

    def behind_others(self) -> Iterator[Waiting]:
        """Yield the entries that wait for the end of another run."""
        return entries(self._store, Where.AFTER)

    def held(self, run: str) -> Waiting | None:
        """Return the entry by which ``run`` is held; None if it is not."""
        return next(entries(self._store, Where.HELD, run), None)

    def of(self, run: str) -> list[Waiting]:
        """Return all entries of ``run``: one as a rule, more if a move broke off."""
        return [waiting for waiting in self.all() if waiting.run == run]

    def put(self, waiting: Waiting) -> None:
        """Write an entry."""
        self._store.put(waiting.key, b"")
        self._note_change()

    def remove(self, waiting: Waiting) -> None:
        """Remove that very entry, if it is there."""
        self._store.delete(waiting.key)
        self._note_change()

    def move(self, waiting: Waiting, to: Waiting) -> None:
        """Put ``to`` in place of ``waiting``."""
        self.put(to)
        if to.key != waiting.key:
            self.remove(waiting)

    def hold(self, entry: Entry) -> None:
        """Hold a run until a person resumes it, wherever it waits."""
        held = Waiting(entry, Where.HELD)
        self.put(held)
        for other in self.of(entry.run):
            if other.key != held.key:
                self.remove(other)

    def new_place(self) -> int:
        """Return a number above that of every entry; two may draw the same if Redis is lost meanwhile, and tie."""
        key = f"{self._namespace}:line:place"
        if not self._redis.exists(key):
            last = max((waiting.entry.place for waiting in self.all()), default=0)
            self._redis.set(key, last, nx=True)
        return int(self._redis.incr(key))

    def want(self) -> None:
        """Note that somebody wants a look at who is next."""
        self._redis.incr(f"{self._namespace}:line:wanted")

    def wanted(self) -> bytes | None:
        """Return what changes whenever ``want`` is called."""
        value: bytes | None = self._redis.get(f"{self._namespace}:line:wanted")
        return value

    def changes(self) -> bytes | None:
        """Return what changes whenever an entry comes or goes, and when Redis forgot it."""
        self._redis.set(self._changes_key, uuid4().hex, nx=True)
        value: bytes | None = self._redis.get(self._changes_key)
        return value

    def _note_change(self) -> None:
        self._redis.set(self._changes_key, uuid4().hex)


def entries(store: Store, *folders: str) -> Iterator[Waiting]:
    """Yield the entries under some folders of the queue, in order of their keys; who only looks needs no Redis."""
    for key in store.list("/".join((ROOT, *folders, ""))):
        if waiting := _read(key):
            yield waiting


def _read(key: str) -> Waiting | None:
    """Return what lies under a key; None if that is no entry."""
    _, where, *between, name = key.split("/")
    entry = Entry.parse(name)
    if entry is None or where not in tuple(Where):
        return None
    return Waiting(entry, Where(where), between[0] if where == Where.AFTER and between else "")


class RememberedLine(Line):
    """The queue, of which it was seen once what is whose: for whoever acts on many runs.

    What changed since is not seen; that leaves an entry too many, at most, which the next admission drops.
    """

    def __init__(self, store: Store, exchange: Exchange) -> None:
        super().__init__(store, exchange)
        self._seen: dict[str, list[Waiting]] = {}
        for waiting in self.all():
            self._seen.setdefault(waiting.run, []).append(waiting)

    def of(self, run: str) -> list[Waiting]:
        """Return the entries of ``run`` that were seen."""
        return self._seen.get(run, [])


def counts(line: Line) -> Counter[Where]:
    """Return how many runs wait for what."""
    return Counter({waiting.run: waiting.where for waiting in line.all()}.values())
