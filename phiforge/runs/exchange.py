"""The hot path through Redis: φ of recent versions, the open step's contributions, commits.

Everything here can be lost: ``restore`` brings a run back from its newest checkpoint. Each transition is one atomic
script under ``lua/``, so that two workers, a zombie or a doubled message cannot do half of one.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from importlib.resources import files
from typing import Any, Literal

import redis
from redis.commands.core import Script
from redis.exceptions import NoScriptError

from phiforge.base.canonical import canonical_json
from phiforge.base.errors import ServiceError
from phiforge.base.metrics import RECOVERY_SECONDS
from phiforge.learning.tensors import encode, fingerprint
from phiforge.runs.commit_log import Origin
from phiforge.runs.consistency.bounded_staleness import Move, Ticket
from phiforge.runs.record import Checkpoint
from phiforge.runs.steps import Commit, OpenStep, Published, State

Pulse = Literal["state", "evaluation"]
"""What a run may be waiting for: the open step, or scores."""

EXPIRY_SECONDS = 3600
"""How long an ended run's keys stay for whoever is watching."""


class Exchange:
    """One fleet's hot state; safe to share between threads."""

    def __init__(self, client: redis.Redis, namespace: str) -> None:
        """Use ``client`` (returning bytes) with keys that start with ``namespace``."""
        self.redis: Any = client  # its types allow str everywhere, which a client that returns bytes never gives
        self.namespace = namespace
        self._publish = self._script("publish")
        self.publish_ticket = self._script("publish_ticket")
        self.note_recorded = self._script("recorded")
        self._commit = self._script("commit")
        self._restore = self._script("restore")
        self._stalled = self._script("stalled")
        self._score = self._script("score")
        self._attempt = self._script("attempt")
        self._lease = self._script("lease")

    def check(self) -> None:
        """Raise ServiceError, saying what to start, if Redis cannot be reached."""
        try:
            self.redis.ping()
        except redis.RedisError as error:
            raise ServiceError(
                f"cannot reach Redis ({error}): start the embedded stack with `phiforge up`, "
                "or set PHIFORGE_REDIS_URL to a running one"
            ) from error

    def state(self, run: str) -> State | None:
        """Return where ``run`` is, or None if Redis does not know it."""
        return _state(self.redis.hgetall(self.key(run, "state")))

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
        badly, why = self._attempt(keys=[key], args=[work, token, int(1000 * lease_seconds), expiry])
        return int(badly), why.decode(errors="replace")

    def lease(self, key: str, attempt: str, work: str, seconds: float, why: str = "") -> None:
        """Renew an attempt's lease; 0 seconds: it ended badly, and ``why``."""
        self._lease(keys=[key], args=[attempt, int(1000 * seconds), work, why[:1000]])

    def end_attempt(self, key: str, attempt: str) -> None:
        """Forget an attempt that ended as it should."""
        self.redis.hdel(key, attempt)

    def before_job(self, run: str, version: int, job: int) -> tuple[State | None, bool]:
        """Return where ``run`` is, and whether the job's contribution to the step from ``version`` is there."""
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(self.key(run, "state"))
            pipe.hexists(self.key(run, f"origins:{version}"), str(job))
            fields, there = pipe.execute()
        return _state(fields), bool(there)

    def publish(self, run: str, version: int, job: int, payload: bytes, origin: Origin) -> Published:
        """Add a job's contribution and its origin to the open step, unless it is there or the step is over."""
        staged = self.key(run, "staged:contribution")
        keys = [self.key(run, name) for name in ("state", f"origins:{version}")]
        keys += [*self.contribution_keys(run, version, [job]), staged]
        outcome, count = self.beside({staged: payload}, self._publish, keys, [version, job, origin.to_bytes()])
        return Published(outcome.decode(), int(count))

    def contributed(self, run: str, version: int) -> set[int]:
        """Return the jobs whose contributions to the open step are there."""
        return {int(job) for job in self.redis.hkeys(self.key(run, f"origins:{version}"))}

    def open_step(self, run: str, version: int, jobs: int, own: Mapping[int, bytes]) -> OpenStep[int] | None:
        """Return what ``version + 1`` is made of, or None if ``version`` is not the head or not all ``jobs`` are in.

        ``own`` are contributions that the caller published, which it is not given once more.
        """
        others = [job for job in range(jobs) if job not in own]
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.hmget(self.key(run, "state"), "head", "phi_hash", "optimizer_hash")
            pipe.hgetall(self.key(run, f"origins:{version}"))
            for key in self.contribution_keys(run, version, others):
                pipe.get(key)
            (head, phi_hash, optimizer_hash), origins, *payloads = pipe.execute()
        if head is None or int(head) != version or len(origins) != jobs:
            return None
        hashes = phi_hash.decode(), (optimizer_hash or b"").decode()
        contributions = {**own, **{job: payload or b"" for job, payload in zip(others, payloads, strict=True)}}
        return OpenStep(version, *hashes, dict(sorted(contributions.items())), _in_order(origins))

    def contribution_keys(self, run: str, step: int | Literal["open"], jobs: Iterable[int | Ticket]) -> list[str]:
        """Return where the contributions of ``jobs`` lie, of a version or, of a run with tickets, that wait."""
        return [self.key(run, f"contribution:{step}:{job}") for job in jobs]

    def drop_contributions(self, run: str, version: int, jobs: Collection[int]) -> None:
        """Take the contributions of ``jobs`` out of the open step: they are damaged, and computed again when asked."""
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.hdel(self.key(run, f"origins:{version}"), *map(str, jobs))
            pipe.delete(*self.contribution_keys(run, version, jobs))
            pipe.execute()

    def commit(self, run: str, version: int, jobs: int, commit: Commit, move: Move | None = None) -> bool:
        """Make ``commit`` version + 1; False if another worker was first or the step is over.

        ``move`` says which contributions it is made of where a run has tickets.
        """
        kept_from = version - 1
        staged = {self.key(run, "staged:phi"): commit.phi, self.key(run, "staged:optimizer"): commit.optimizer}
        step: int | Literal["open"] = "open" if move else version
        keys = [
            self.key(run, "state"),
            self.key(run, f"origins:{step}"),
            self.key(run, f"phi:{version + 1}"),
            self.key(run, f"optimizer:{version + 1}"),
            self.key(run, f"phi:{kept_from}"),
            self.key(run, f"optimizer:{kept_from}"),
            self.key(run, "log"),
            self.key(run, f"attempts:{version}"),
            self.key(run, "tickets"),
            self.key(run, "hashes"),
            *staged,
            *self.contribution_keys(run, step, move.used if move else range(jobs)),
        ]
        used, opened = (list(map(str, each)) for each in (move.used, move.opened)) if move else ([], [])
        args: list[bytes | str | int | float] = [
            *(version, version + 1, jobs, commit.phi_hash, commit.log_entry),
            *(commit.loss, commit.accuracy, commit.tasks, commit.optimizer_hash),
            *(json.dumps(used), json.dumps(opened), version - move.staleness if move else 0),
            int(move.records) if move else 0,
        ]
        committed = int(self.beside(staged, self._commit, keys, args))
        if committed > 1:
            RECOVERY_SECONDS.observe((committed - 1) / 1000)
        return committed > 0

    def restore(self, run: str, checkpoint: Checkpoint, tickets: Collection[Ticket] | None = None) -> bool:
        """Make a checkpoint the head if Redis has none or an older one; False if there was nothing to do.

        ``tickets``, where a run has them, are those that may be worked on.
        """
        version = checkpoint.version
        step = str(version) if tickets is None else "open"
        names = (
            *("state", f"phi:{version}", f"optimizer:{version}", "log"),
            *(f"origins:{step}", "tickets", "hashes"),
        )
        args: list[bytes | str | int | float] = [
            *(version, encode(checkpoint.phi), encode(checkpoint.optimizer)),
            *(checkpoint.phi_hash, checkpoint.tasks, fingerprint(checkpoint.optimizer)),
            json.dumps([str(ticket) for ticket in tickets or ()]),
        ]
        return bool(self._restore(keys=[self.key(run, name) for name in names], args=args))

    def log(self, run: str) -> dict[int, bytes]:
        """Return the commit log's entries that may not be in object storage yet, by version."""
        return _in_order(self.redis.hgetall(self.key(run, "log")))

    def drop_log(self, run: str, versions: Collection[int]) -> None:
        """Drop the entries of ``versions``, which are in object storage now."""
        if versions:
            self.redis.hdel(self.key(run, "log"), *map(str, versions))

    def stalled(self, run: str, pulse: Pulse, shortest_seconds: float) -> bool:
        """Say whether ``run`` has been silent for three typical steps; True notes a resend and doubles the patience."""
        return bool(self._stalled(keys=[self.key(run, pulse)], args=[int(1000 * shortest_seconds)]))

    def retention_due(self, run: str, shortest_seconds: float) -> bool:
        """Say whether to ask for the deletion of what ``run``, now over, does not need; True doubles the patience."""
        key = self.key(run, "retention")
        due = bool(self._stalled(keys=[key], args=[int(1000 * shortest_seconds)]))
        if due:
            self.redis.expire(key, EXPIRY_SECONDS)
        return due

    def stop(self, run: str, status: str) -> None:
        """Close the open step for good: nothing is published or committed from here on."""
        keys = [self.key(run, "state"), *self.redis.scan_iter(self.key(run, "*"), count=1000)]
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.hset(self.key(run, "state"), "status", status)
            for key in keys:
                pipe.expire(key, EXPIRY_SECONDS)
            pipe.execute()

    def forget(self, run: str) -> None:
        """Drop all that Redis holds of ``run``; the next reconcile restores it."""
        if keys := list(self.redis.scan_iter(self.key(run, "*"), count=1000)):
            self.redis.delete(*keys)

    def publish_scores(self, run: str, split: str, version: int, chunk: int, payload: bytes) -> int:
        """Add one chunk's scores, once; returns how many chunks are there."""
        keys = [self.key(run, f"scores:{split}:{version}"), self.key(run, "evaluation")]
        return int(self._score(keys=keys, args=[chunk, payload, EXPIRY_SECONDS]))

    def scores(self, run: str, split: str, version: int) -> dict[int, bytes]:
        """Return the scores that are there, by chunk."""
        return _in_order(self.redis.hgetall(self.key(run, f"scores:{split}:{version}")))

    def note_summary(self, run: str, split: str, summary: Mapping[str, Any]) -> None:
        """Keep the latest summary of ``split`` at hand for whoever watches; the record holds it for good."""
        watched = {name: summary[name] for name in ("version", "tasks", "loss", "accuracy", "accuracy_ci95")}
        self.redis.hset(self.key(run, "judged"), split, canonical_json(watched))

    def summaries(self, run: str) -> dict[str, dict[str, float]]:
        """Return the latest summary of each split that has one."""
        return {split.decode(): json.loads(text) for split, text in self.redis.hgetall(self.key(run, "judged")).items()}

    def runs(self) -> list[str]:
        """Return the ids of the runs Redis knows: the active ones and those that ended within the last hour."""
        keys = self.redis.scan_iter(self.key("*", "state"), count=1000)
        return sorted(key.decode().split("{")[1].split("}")[0] for key in keys)

    def waiting(self, queue: str) -> int:
        """Return how many messages wait in the broker's list ``queue``."""
        return int(self.redis.llen(queue))

    def note_silence(self, run: str, seconds: float) -> None:
        """Note that ``run``, just restored, was last seen alive so long ago: its next commit ends a recovery."""
        now, microseconds = self.redis.time()
        since = 1000 * now + microseconds // 1000 - int(1000 * seconds)
        self.redis.hset(self.key(run, "state"), "still_since", since)

    def touch(self, run: str, pulse: Pulse) -> None:
        """Note that ``run`` was just given what it may be waiting for."""
        seconds, microseconds = self.redis.time()
        moved_at = 1000 * seconds + microseconds // 1000
        self.redis.hset(self.key(run, pulse), mapping={"moved_at": moved_at, "resends": 0})

    def beside(self, values: Mapping[str, bytes], script: Script, keys: list[str], args: list[Any]) -> Any:  # noqa: ANN401
        """Call a script that finds ``values`` under their keys, which nobody else ever sees.

        Given to it as arguments they would be copied by Lua, which takes longer than the way to Redis.
        """
        try:
            with self.redis.pipeline(transaction=True) as pipe:
                pipe.mset(values)
                pipe.evalsha(script.sha, len(keys), *keys, *args)
                return pipe.execute()[-1]
        except NoScriptError:
            self.redis.script_load(script.script)
            return self.beside(values, script, keys, args)

    def _script(self, name: str) -> Script:
        return script(self.redis, name)

    def _bytes(self, key: str) -> bytes | None:
        value: bytes | None = self.redis.get(key)
        return value

    def key(self, run: str, name: str) -> str:
        """Return the key of ``name`` of a run; its braces keep a run's keys on one node of a cluster."""
        return f"{self.namespace}:{{{run}}}:{name}"


def script(client: Any, name: str) -> Script:  # noqa: ANN401 - a client that returns bytes
    """Return a script under ``lua/``, to be called with ``keys`` and ``args``."""
    return Script(client, files("phiforge.runs").joinpath("lua", f"{name}.lua").read_text())


def _state(fields: Mapping[bytes, bytes]) -> State | None:
    if b"head" not in fields:
        return None
    text = {name.decode(): value.decode() for name, value in fields.items()}
    return State(
        head=int(text["head"]),
        status=text["status"],
        phi_hash=text["phi_hash"],
        tasks=int(text["tasks"]),
        loss=_optional_float(text, "loss"),
        accuracy=_optional_float(text, "accuracy"),
        step_seconds=float(text.get("step_ms", 0)) / 1000,
        optimizer_hash=text.get("optimizer_hash", ""),
    )


def _optional_float(fields: Mapping[str, str], name: str) -> float | None:
    return float(fields[name]) if name in fields else None


def _in_order(fields: Mapping[bytes, bytes]) -> dict[int, bytes]:
    return {int(number): value for number, value in sorted(fields.items(), key=lambda item: int(item[0]))}
