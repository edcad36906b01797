"""The open step of synchronous runs in Redis: which contributions are in, and what makes the next version of them."""

from collections.abc import Collection, Iterable, Mapping

from phiforge.runs.commit_log import Origin
from phiforge.runs.consistency.transitions import (
    commit_keys,
    commit_values,
    note_commit,
    restore_keys,
    restore_values,
    staged_commit,
)
from phiforge.runs.exchange import Exchange, in_order, score_fields, state_of
from phiforge.runs.outcomes import Outcome
from phiforge.runs.scripts import Value
from phiforge.runs.steps import Commit, OpenStep, Published, Restored, State, Ticket

_HERE = "phiforge.runs.consistency.synchronous"


class SynchronousExchange:
    """The open steps of one fleet's runs."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._redis = exchange.redis
        self._publish = exchange.script("publish", _HERE, ["published"])
        self._commit = exchange.script("commit", _HERE, ["committed"])
        self._restore = exchange.script("restore", _HERE, ["restored"])

    def before_job(self, run: str, version: int, job: int) -> tuple[State | None, bool]:
        """Return where ``run`` is, and whether the job's contribution to the step from ``version`` is there."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(self._exchange.key(run, "state"))
            pipe.hexists(self._origins(run, version), str(job))
            fields, there = pipe.execute()
        return state_of(fields), bool(there)

    def publish(self, run: str, version: int, job: int, payload: bytes, origin: Origin) -> Published:
        """Add a job's contribution and its origin to the open step, unless it is there or the step is over."""
        keys = {
            "state": self._exchange.key(run, "state"),
            "origins": self._origins(run, version),
            "contribution": self.contribution_key(run, version, job),
            "staged": self._exchange.key(run, "staged:contribution"),
        }
        values: dict[str, Value] = {"version": version, "job": job, "origin": origin.to_bytes()}
        outcome, count = self._publish.beside({keys["staged"]: payload}, keys, values)
        return Published(Outcome(outcome.decode()), int(count))

    def contributed(self, run: str, version: int) -> set[int]:
        """Return the jobs whose contributions to the open step are there."""
        return {int(job) for job in self._redis.hkeys(self._origins(run, version))}

    def open_step(self, run: str, version: int, jobs: int, own: Mapping[Ticket, bytes]) -> OpenStep | None:
        """Return what ``version + 1`` is made of, or None if ``version`` is not the head or not all ``jobs`` are in.

        ``own`` are contributions that the caller published, which it is not given once more.
        """
        others = [ticket for ticket in _tickets(version, range(jobs)) if ticket not in own]
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hmget(self._exchange.key(run, "state"), "head", "phi_hash", "optimizer_hash")
            pipe.hgetall(self._origins(run, version))
            for ticket in others:
                pipe.get(self.contribution_key(run, *ticket))
            (head, phi_hash, optimizer_hash), origins, *payloads = pipe.execute()
        if head is None or int(head) != version or len(origins) != jobs:
            return None
        hashes = phi_hash.decode(), (optimizer_hash or b"").decode()
        read = {ticket: payload or b"" for ticket, payload in zip(others, payloads, strict=True)}
        noted = {Ticket(version, job): origin for job, origin in in_order(origins).items()}
        return OpenStep(version, *hashes, dict(sorted({**own, **read}.items())), noted)

    def drop(self, run: str, version: int, jobs: Collection[int]) -> None:
        """Take the contributions of ``jobs`` out of the open step."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hdel(self._origins(run, version), *map(str, jobs))
            pipe.delete(*(self.contribution_key(run, version, job) for job in jobs))
            pipe.execute()

    def commit(self, run: str, version: int, jobs: int, commit: Commit) -> bool:
        """Make ``commit`` version + 1; False if another worker was first or the step is over."""
        keys = commit_keys(self._exchange, run, version) | {"origins": self._origins(run, version)}
        committed = self._commit.beside(
            staged_commit(keys, commit),
            keys,
            commit_values(version, commit) | {"jobs": jobs},
            more_keys=[self.contribution_key(run, version, job) for job in range(jobs)],
            more_values=score_fields(commit.scores),
        )
        return note_commit(int(committed))

    def restore(self, run: str, restored: Restored) -> bool:
        """Make a checkpoint the head if Redis has none or an older one; False if there was nothing to do."""
        origins = {"origins": self._origins(run, restored.version)}
        keys = restore_keys(self._exchange, run, restored.version) | origins
        return bool(self._restore(keys, restore_values(restored)))

    def contribution_key(self, run: str, version: int, job: int) -> str:
        """Return where the contribution of a job lies."""
        return self._exchange.key(run, f"contribution:{version}:{job}")

    def _origins(self, run: str, version: int) -> str:
        return self._exchange.key(run, f"origins:{version}")


def _tickets(version: int, jobs: Iterable[int]) -> list[Ticket]:
    return [Ticket(version, job) for job in jobs]
