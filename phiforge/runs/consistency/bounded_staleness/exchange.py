"""The contributions of runs with bounded staleness in Redis: which tickets are open, and what waits to be applied.

As disposable as all there, for each checkpoint lists the tickets that are open at it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from phiforge.runs.commit_log import Origin
from phiforge.runs.consistency.bounded_staleness.rules import Move
from phiforge.runs.consistency.transitions import (
    commit_keys,
    commit_values,
    note_commit,
    restore_keys,
    restore_values,
    staged_commit,
)
from phiforge.runs.exchange import Exchange, score_fields
from phiforge.runs.outcomes import Outcome
from phiforge.runs.scripts import Value
from phiforge.runs.steps import Commit, OpenStep, Published, Restored, Ticket

_HERE = "phiforge.runs.consistency.bounded_staleness"
_POOL = {"origins": "origins:open", "tickets": "tickets", "hashes": "hashes"}
"""The keys, by name, that only such runs have."""


class Waiting(NamedTuple):
    """What waits to be applied at one moment; nothing in it is checked yet.

    ``origins`` lie beside the contributions; ``admitted`` are the versions whose φ these may come from; ``held`` says
    that the head has no checkpoint yet, which it must not leave before.
    """

    head: int
    held: bool
    origins: Mapping[Ticket, bytes]
    admitted: set[int]


class TicketExchange:
    """The open tickets of one fleet's runs."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._redis = exchange.redis
        self._publish = exchange.script("publish", _HERE, ["published"])
        self._commit = exchange.script("commit", _HERE, ["committed"])
        self._restore = exchange.script("restore", _HERE, ["restored"])
        self._recorded = exchange.script("recorded", _HERE)

    def open(self, run: str) -> set[Ticket]:
        """Return the tickets that are in no version yet."""
        return {Ticket.parse(text) for text in self._redis.smembers(self._key(run, "tickets"))}

    def open_at(self, run: str, version: int) -> list[Ticket] | None:
        """Return the tickets that are in no version yet, in order; None if ``version`` is not the head."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hget(self._key(run, "state"), "head")
            pipe.smembers(self._key(run, "tickets"))
            head, tickets = pipe.execute()
        return sorted(Ticket.parse(text) for text in tickets) if head and int(head) == version else None

    def waiting(self, run: str) -> set[Ticket]:
        """Return the tickets whose contributions wait to be applied."""
        return {Ticket.parse(text) for text in self._redis.hkeys(self._key(run, "origins:open"))}

    def is_wanted(self, run: str, ticket: Ticket) -> tuple[bool, int]:
        """Say whether a contribution of ``ticket`` would be news, and how many wait to be applied."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.sismember(self._key(run, "tickets"), str(ticket))
            pipe.hexists(self._key(run, "origins:open"), str(ticket))
            pipe.hlen(self._key(run, "origins:open"))
            is_open, there, count = pipe.execute()
        return bool(is_open) and not there, int(count)

    def publish(self, run: str, ticket: Ticket, phi_hash: str, payload: bytes, origin: Origin) -> Published:
        """Let a contribution that was made from φ of ``origin.phi_version`` wait, unless it is not wanted.

        The outcome is ``OLD`` if that φ is none that may be used any more.
        """
        keys = self._pool(run) | {
            "state": self._key(run, "state"),
            "contribution": self.contribution_key(run, ticket),
            "staged": self._key(run, "staged:contribution"),
        }
        seen = {"phi_version": str(origin.phi_version), "phi_hash": phi_hash}
        values: dict[str, Value] = {"ticket": str(ticket), "origin": origin.to_bytes(), **seen}
        outcome, count = self._publish.beside({keys["staged"]: payload}, keys, values)
        return Published(Outcome(outcome.decode()), int(count))

    def waiting_to_apply(self, run: str) -> Waiting | None:
        """Return what waits to be applied; None if Redis does not know the run."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hmget(self._key(run, "state"), "head", "unrecorded")
            pipe.hgetall(self._key(run, "origins:open"))
            pipe.hkeys(self._key(run, "hashes"))
            (head, unrecorded), origins, versions = pipe.execute()
        if head is None:
            return None
        found = sorted((Ticket.parse(text), origin) for text, origin in origins.items())
        return Waiting(int(head), unrecorded is not None, dict(found), {int(version) for version in versions})

    def open_step(self, run: str, waiting: Waiting, tickets: Sequence[Ticket]) -> OpenStep | None:
        """Return what ``tickets`` that wait make of the head; None if that has moved on, or one is gone or another.

        Contributions count beside the origins that were chosen by: one that was dropped and came again since may be
        from another φ, and its hash is that of its own origin.
        """
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hmget(self._key(run, "state"), "head", "phi_hash", "optimizer_hash")
            pipe.mget([self.contribution_key(run, ticket) for ticket in tickets])
            pipe.hmget(self._key(run, "origins:open"), list(map(str, tickets)))
            (head, phi_hash, optimizer_hash), payloads, origins = pipe.execute()
        noted = {ticket: waiting.origins[ticket] for ticket in tickets}
        if head is None or int(head) != waiting.head or origins != list(noted.values()):
            return None
        hashes = phi_hash.decode(), (optimizer_hash or b"").decode()
        contributions = {ticket: payload or b"" for ticket, payload in zip(tickets, payloads, strict=True)}
        return OpenStep(waiting.head, *hashes, contributions, noted)

    def drop(self, run: str, tickets: Collection[Ticket]) -> None:
        """Take contributions out of what waits."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hdel(self._key(run, "origins:open"), *map(str, tickets))
            pipe.delete(*(self.contribution_key(run, ticket) for ticket in tickets))
            pipe.execute()

    def commit(self, run: str, version: int, move: Move, commit: Commit) -> bool:
        """Make ``commit`` of the contributions that ``move`` uses version + 1; False if another worker was first."""
        keys = commit_keys(self._exchange, run, version) | self._pool(run)
        tickets = {"used": _words(move.used), "opened": _words(move.opened)}
        values = {"too_old": version - move.staleness, "records": int(move.records)}
        committed = self._commit.beside(
            staged_commit(keys, commit),
            keys,
            commit_values(version, commit) | tickets | values,
            more_keys=[self.contribution_key(run, ticket) for ticket in move.used],
            more_values=score_fields(commit.scores),
        )
        return note_commit(int(committed))

    def restore(self, run: str, restored: Restored, tickets: Collection[Ticket]) -> bool:
        """Make a checkpoint the head if Redis has none or an older one; False if there was nothing to do.

        ``tickets`` are those that may be worked on from there.
        """
        keys = restore_keys(self._exchange, run, restored.version) | self._pool(run)
        return bool(self._restore(keys, restore_values(restored) | {"open": _words(tickets)}))

    def recorded(self, run: str, version: int) -> None:
        """Let the head leave ``version``, whose checkpoint is written."""
        self._recorded({"state": self._key(run, "state")}, {"version": version})

    def contribution_key(self, run: str, ticket: Ticket) -> str:
        """Return where the contribution of a ticket lies."""
        return self._key(run, f"contribution:open:{ticket}")

    def _pool(self, run: str) -> dict[str, str]:
        return {name: self._key(run, key) for name, key in _POOL.items()}

    def _key(self, run: str, name: str) -> str:
        return self._exchange.key(run, name)


def _words(tickets: Iterable[Ticket]) -> str:
    return " ".join(map(str, tickets))
