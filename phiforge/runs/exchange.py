"""The hot path through Redis: where each run is, φ of recent versions, attempts, scores.

Everything here can be lost: a run is brought back from its newest checkpoint. Each transition is one atomic script, so
that two workers, a zombie or a doubled message cannot do half of one. What a step is made of is its protocol's matter,
under ``consistency/``; here is what all runs have.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import redis

from phiforge.base.canonical import canonical_json
from phiforge.base.errors import ServiceError
from phiforge.runs.commit_log import PLAIN_SCORES
from phiforge.runs.record import RunStatus
from phiforge.runs.scripts import COMMON, Script, text_of
from phiforge.runs.seen import KEPT_SECONDS, Seen
from phiforge.runs.steps import State

Pulse = Literal["state", "evaluation"]
"""What a run may be waiting for: the open step, or scores."""

EXPIRY_SECONDS = KEPT_SECONDS
"""How long an ended run's keys stay for whoever is watching."""

_SCORE = "score:"

_WATCHED = ("version", "tasks", "loss", "accuracy", "accuracy_ci95", "mean_return", "mean_return_ci95")
"""What is kept at hand of a summary, as far as it is there."""


class Exchange:
    """One fleet's hot state; safe to share between threads."""

    def __init__(self, client: redis.Redis, namespace: str) -> None:
        """Use ``client`` (returning bytes) with keys that start with ``namespace``."""
        self.redis: Any = client  # its types allow str everywhere, which a client that returns bytes never gives
        self.namespace = namespace
        self.seen = Seen(client, namespace)
        self._stalled = self.script("stalled")
        self._score = self.script("score")
        self._attempt = self.script("attempt")
        self._lease = self.script("lease")

    def check(self) -> None:
        """Raise ServiceError, saying what to start, if Redis cannot be reached."""
        try:
            self.redis.ping()
        except redis.TimeoutError as error:
            raise ServiceError(
                f"Redis does not answer ({error}): see whether the one at PHIFORGE_REDIS_URL is busy or was stopped"
            ) from error
        except redis.RedisError as error:
            raise ServiceError(
                f"cannot reach Redis ({error}): start the embedded stack with `phiforge up`, "
                "or set PHIFORGE_REDIS_URL to a running one"
            ) from error

    def now(self) -> int:
        """Return the time by Redis' clock, in ms."""
        seconds, microseconds = self.redis.time()
        return int(1000 * seconds + microseconds // 1000)

    def state(self, run: str) -> State | None:
        """Return where ``run`` is, or None if Redis does not know it."""
        return state_of(self.redis.hgetall(self.key(run, "state")))

    def phi(self, run: str, version: int) -> bytes | None:
        """Return φ of a recent version as safetensors bytes."""
        return self._bytes(self.key(run, f"phi:{version}"))

    def optimizer(self, run: str, version: int) -> bytes | None:
        """Return the outer optimiser's state of a recent version as safetensors bytes."""
        return self._bytes(self.key(run, f"optimizer:{version}"))

    def attempts_key(self, run: str, kind: str) -> str:
        """Return where attempts at the work of one kind are counted; the jobs of a version until its commit."""
        return self.key(run, f"attempts:{kind}")

    def begin_attempt(self, key: str, work: str, token: str, lease_seconds: float, expiry: int) -> tuple[int, str]:
        """Note an attempt; return how many before it ended badly, and why the last one did, if it could say."""
        badly, why = self._attempt(
            {"attempts": key},
            {"work": work, "token": token, "lease": int(1000 * lease_seconds), "expiry": expiry},
        )
        return int(badly), why.decode(errors="replace")

    def lease(self, key: str, attempt: str, work: str, seconds: float, why: str = "") -> None:
        """Renew an attempt's lease; 0 seconds: it ended badly, and ``why``."""
        values: dict[str, str | int] = {
            "attempt": attempt,
            "lease": int(1000 * seconds),
            "work": work,
            "why": why[:1000],
        }
        self._lease({"attempts": key}, values)

    def end_attempt(self, key: str, attempt: str) -> None:
        """Forget an attempt that ended as it should."""
        self.redis.hdel(key, attempt)

    def log(self, run: str) -> dict[int, bytes]:
        """Return the commit log's entries that may not be in object storage yet, by version."""
        return in_order(self.redis.hgetall(self.key(run, "log")))

    def drop_log(self, run: str, versions: Collection[int]) -> None:
        """Drop the entries of ``versions``, which are in object storage now."""
        if versions:
            self.redis.hdel(self.key(run, "log"), *map(str, versions))

    def stalled(self, run: str, pulse: Pulse, shortest_seconds: float) -> bool:
        """Say whether ``run`` has been silent for three typical steps; True notes a resend and doubles the patience."""
        return bool(self._stalled({"pulse": self.key(run, pulse)}, {"shortest": int(1000 * shortest_seconds)}))

    def retention_due(self, run: str, shortest_seconds: float) -> bool:
        """Say whether to ask for the deletion of what ``run``, now over, does not need; True doubles the patience."""
        key = self.key(run, "retention")
        due = bool(self._stalled({"pulse": key}, {"shortest": int(1000 * shortest_seconds)}))
        if due:
            self.redis.expire(key, EXPIRY_SECONDS)
        return due

    def stop(self, run: str, status: RunStatus) -> None:
        """Close the open step for good: nothing is published or committed from here on."""
        keys = [self.key(run, "state"), *self.redis.scan_iter(self.key(run, "*"), count=1000)]
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.hset(self.key(run, "state"), "status", status)
            for key in keys:
                pipe.expire(key, EXPIRY_SECONDS)
            pipe.execute()
        self.seen.over(run)

    def forget(self, run: str) -> None:
        """Drop all that Redis holds of ``run``; the next reconcile restores it."""
        if keys := list(self.redis.scan_iter(self.key(run, "*"), count=1000)):
            self.redis.delete(*keys)
        self.seen.forget(run)

    def publish_scores(self, run: str, kind: str, version: int, chunk: int, payload: bytes) -> int:
        """Add one chunk's scores, once; returns how many chunks are there. For ``kind`` see ``judging.kind_of``."""
        keys = {"scores": self.key(run, f"scores:{kind}:{version}"), "pulse": self.key(run, "evaluation")}
        return int(self._score(keys, {"chunk": chunk, "payload": payload, "expiry": EXPIRY_SECONDS}))

    def scores(self, run: str, kind: str, version: int) -> dict[int, bytes]:
        """Return the scores that are there, by chunk."""
        return in_order(self.redis.hgetall(self.key(run, f"scores:{kind}:{version}")))

    def scored_chunks(self, run: str, kind: str, version: int) -> set[int]:
        """Return which chunks have scores."""
        return {int(chunk) for chunk in self.redis.hkeys(self.key(run, f"scores:{kind}:{version}"))}

    def note_judged(self, run: str, done: int, total: int) -> None:
        """Keep at hand how many of the tasks of the evaluation under way are scored."""
        self.redis.hset(self.key(run, "evaluation"), mapping={"done": done, "total": total})

    def judged(self, run: str) -> tuple[int, int] | None:
        """Return what ``note_judged`` kept: so many tasks are scored, of so many."""
        done, total = self.redis.hmget(self.key(run, "evaluation"), "done", "total")
        return None if done is None or total is None else (int(done), int(total))

    def workers(self, queue: str) -> int:
        """Return how many workers of ``queue`` the roster names; one that just died may be among them."""
        return int(self.redis.hlen(f"{self.namespace}:roster:{queue}"))

    def refusals_key(self, run: str, queue: str) -> str:
        """Return where the workers of ``queue`` note that they cannot do the work of ``run``."""
        return self.key(run, f"refusals:{queue}")

    def refusing(self, run: str, queue: str) -> int:
        """Return how many workers of ``queue`` on the roster said that they cannot do the work of ``run``."""
        workers = self.redis.hkeys(f"{self.namespace}:roster:{queue}")
        if not workers:
            return 0
        said = self.redis.hmget(self.refusals_key(run, queue), [b"worker:" + worker for worker in workers])
        return sum(each is not None for each in said)

    def beats(self, queue: str) -> list[int]:
        """Return when each worker of ``queue`` last said that it lives, in ms by Redis' clock."""
        found = self.redis.hvals(f"{self.namespace}:roster:{queue}")
        return [int(each.partition(b" ")[0]) for each in found if each.partition(b" ")[0].isdigit()]

    def still_since(self, run: str, pulse: Pulse) -> int | None:
        """Return when ``run`` last moved, in ms by Redis' clock; None if Redis does not know."""
        still, moved = self.redis.hmget(self.key(run, pulse), "still_since", "moved_at")
        found = still or moved
        return None if found is None else int(float(found))

    def note_summary(self, run: str, split: str, summary: Mapping[str, Any]) -> None:
        """Keep the latest summary of ``split`` at hand for whoever watches; the record holds it for good."""
        watched = {name: summary[name] for name in _WATCHED if name in summary}
        self.redis.hset(self.key(run, "judged"), split, canonical_json(watched))

    def summaries(self, run: str) -> dict[str, dict[str, float]]:
        """Return the latest summary of each split that has one."""
        return {split.decode(): json.loads(text) for split, text in self.redis.hgetall(self.key(run, "judged")).items()}

    def waiting(self, queue: str) -> int:
        """Return how many messages wait in the broker's list ``queue``."""
        return int(self.redis.llen(queue))

    def note_silence(self, run: str, seconds: float) -> None:
        """Note that ``run``, just restored, was last seen alive so long ago: its next commit ends a recovery."""
        self.redis.hset(self.key(run, "state"), "still_since", self.now() - int(1000 * seconds))

    def touch(self, run: str, pulse: Pulse) -> None:
        """Note that ``run`` was just given what it may be waiting for."""
        self.redis.hset(self.key(run, pulse), mapping={"moved_at": self.now(), "resends": 0})
        self.redis.hdel(self.key(run, pulse), "still_since")

    def script(self, name: str, package: str = COMMON, shared: Sequence[str] = ()) -> Script:
        """Return a script, to be called with keys and values by name; arguments as of ``text_of``."""
        return Script(self.redis, text_of(name, package, shared))

    def _bytes(self, key: str) -> bytes | None:
        value: bytes | None = self.redis.get(key)
        return value

    def key(self, run: str, name: str) -> str:
        """Return the key of ``name`` of a run; its braces keep a run's keys on one node of a cluster."""
        return f"{self.namespace}:{{{run}}}:{name}"


def state_of(fields: Mapping[bytes, bytes]) -> State | None:
    """Return what the hash under a run's ``state`` says; None if it is not there."""
    if b"head" not in fields:
        return None
    text = {name.decode(): value.decode() for name, value in fields.items()}
    return State(
        head=int(text["head"]),
        status=RunStatus(text["status"]),
        phi_hash=text["phi_hash"],
        tasks=int(text["tasks"]),
        scores=_scores(text),
        step_seconds=float(text.get("step_ms", 0)) / 1000,
        optimizer_hash=text.get("optimizer_hash", ""),
    )


def score_fields(scores: Mapping[str, float]) -> list[str | float]:
    """Return scores as they go into the hash under ``state``: field, value, field, value."""
    return [each for name, value in scores.items() for each in (_field_of(name), value)]


def _field_of(score: str) -> str:
    return score if score in PLAIN_SCORES else _SCORE + score


def _scores(fields: Mapping[str, str]) -> dict[str, float]:
    plain = {name: float(fields[name]) for name in PLAIN_SCORES if name in fields}
    others = sorted(field for field in fields if field.startswith(_SCORE))
    return plain | {field.removeprefix(_SCORE): float(fields[field]) for field in others}


def in_order(fields: Mapping[bytes, bytes]) -> dict[int, bytes]:
    """Return the fields of a hash that are named by numbers, in order of these."""
    return {int(number): value for number, value in sorted(fields.items(), key=lambda item: int(item[0]))}
