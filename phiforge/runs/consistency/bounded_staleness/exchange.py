"""The contributions of runs with bounded staleness in Redis: which tickets are open, and what waits to be applied.

As disposable as all there, for each checkpoint lists the tickets that are open at it.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from phiforge.runs.commit_log import Origin
from phiforge.runs.consistency.bounded_staleness import Ticket
from phiforge.runs.exchange import Exchange
from phiforge.runs.steps import OpenStep, Published


class Waiting(NamedTuple):
    """What waits to be applied at one moment; nothing in it is checked yet.

    ``origins`` lie beside the contributions; ``admitted`` are the versions whose φ these may come from; ``held`` says
    that the head has no checkpoint yet, which it must not leave before.
    """

    head: int
    held: bool
    origins: dict[Ticket, bytes]
    admitted: set[int]


class TicketExchange:
    """The open tickets of one fleet's runs."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def open(self, run: str) -> set[Ticket]:
        """Return the tickets that are in no version yet."""
        return {Ticket.parse(text) for text in self.exchange.redis.smembers(self.exchange.key(run, "tickets"))}

    def open_at(self, run: str, version: int) -> list[Ticket] | None:
        """Return the tickets that are in no version yet, in order; None if ``version`` is not the head."""
        with self.exchange.redis.pipeline(transaction=True) as pipe:
            pipe.hget(self.exchange.key(run, "state"), "head")
            pipe.smembers(self.exchange.key(run, "tickets"))
            head, tickets = pipe.execute()
        return sorted(Ticket.parse(text) for text in tickets) if head and int(head) == version else None

    def waiting(self, run: str) -> set[Ticket]:
        """Return the tickets whose contributions wait to be applied."""
        return {Ticket.parse(text) for text in self.exchange.redis.hkeys(self.exchange.key(run, "origins:open"))}

    def is_wanted(self, run: str, ticket: Ticket) -> tuple[bool, int]:
        """Say whether a contribution of ``ticket`` would be news, and how many wait to be applied."""
        with self.exchange.redis.pipeline(transaction=False) as pipe:
            pipe.sismember(self.exchange.key(run, "tickets"), str(ticket))
            pipe.hexists(self.exchange.key(run, "origins:open"), str(ticket))
            pipe.hlen(self.exchange.key(run, "origins:open"))
            is_open, there, count = pipe.execute()
        return bool(is_open) and not there, int(count)

    def publish(self, run: str, ticket: Ticket, phi_hash: str, payload: bytes, origin: Origin) -> Published:
        """Let a contribution that was made from φ of ``origin.phi_version`` wait, unless it is not wanted.

        Beside the outcomes of ``Exchange.publish`` there is ``old``: that φ is none that may be used any more.
        """
        staged = self.exchange.key(run, "staged:contribution")
        keys = [self.exchange.key(run, name) for name in ("state", "origins:open", "tickets", "hashes")]
        keys += [*self.exchange.contribution_keys(run, "open", [ticket]), staged]
        args = [str(ticket), str(origin.phi_version), phi_hash, origin.to_bytes()]
        outcome, count = self.exchange.beside({staged: payload}, self.exchange.publish_ticket, keys, args)
        return Published(outcome.decode(), int(count))

    def look(self, run: str) -> Waiting | None:
        """Return what waits to be applied; None if Redis does not know the run."""
        with self.exchange.redis.pipeline(transaction=True) as pipe:
            pipe.hmget(self.exchange.key(run, "state"), "head", "unrecorded")
            pipe.hgetall(self.exchange.key(run, "origins:open"))
            pipe.hkeys(self.exchange.key(run, "hashes"))
            (head, unrecorded), origins, versions = pipe.execute()
        if head is None:
            return None
        found = {Ticket.parse(text): origin for text, origin in origins.items()}
        return Waiting(
            int(head), unrecorded is not None, dict(sorted(found.items())), {int(version) for version in versions}
        )

    def open_step(self, run: str, waiting: Waiting, tickets: Sequence[Ticket]) -> OpenStep[Ticket] | None:
        """Return what ``tickets`` that wait make of the head; None if that has moved on, or one is gone."""
        with self.exchange.redis.pipeline(transaction=True) as pipe:
            pipe.hmget(self.exchange.key(run, "state"), "head", "phi_hash", "optimizer_hash")
            pipe.mget(self.exchange.contribution_keys(run, "open", tickets))
            pipe.hmget(self.exchange.key(run, "origins:open"), list(map(str, tickets)))
            (head, phi_hash, optimizer_hash), payloads, origins = pipe.execute()
        if head is None or int(head) != waiting.head or None in origins:
            return None
        contributions = {ticket: payload or b"" for ticket, payload in zip(tickets, payloads, strict=True)}
        origins = {ticket: waiting.origins[ticket] for ticket in tickets}
        hashes = phi_hash.decode(), (optimizer_hash or b"").decode()
        return OpenStep(waiting.head, *hashes, contributions, origins)

    def drop(self, run: str, tickets: Collection[Ticket]) -> None:
        """Take contributions out of what waits: they are damaged or too old, and computed again when asked."""
        with self.exchange.redis.pipeline(transaction=True) as pipe:
            pipe.hdel(self.exchange.key(run, "origins:open"), *map(str, tickets))
            pipe.delete(*self.exchange.contribution_keys(run, "open", tickets))
            pipe.execute()

    def recorded(self, run: str, version: int) -> None:
        """Let the head leave ``version``, whose checkpoint is written."""
        self.exchange.note_recorded(keys=[self.exchange.key(run, "state")], args=[version])
