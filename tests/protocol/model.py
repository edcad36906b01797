"""What must be so under everything that may happen, and the exchange and queues from which it is told."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import redis

from phiforge.runs.commit_log import Origin
from phiforge.runs.consistency.synchronous.exchange import SynchronousExchange
from phiforge.runs.exchange import Exchange
from phiforge.runs.outcomes import Outcome
from phiforge.runs.scripts import Script, text_of
from phiforge.runs.steps import Commit, Published, Restored

VERSIONS, JOBS, EVERY = 4, 2, 2

Change = Callable[[str, str], str]
"""What is done to a script, given its name and its text: nothing, or a bug that must be found."""

Message = tuple[str, dict[str, int]]


@dataclass
class Bag:
    """The queues: what was sent and not delivered yet, in no order that anybody may rely on."""

    messages: list[Message] = field(default_factory=list)
    serves_on: bool = False
    """Whether a trainer that committed may go on with a job of the next version itself."""

    def name(self, queue: str) -> str:
        return queue

    def waiting(self) -> int:
        return 0

    def train(self, run: str, version: int, job: int) -> None:
        self.messages.append(("train", {"version": version, "job": job}))

    def train_together(self, run: str, jobs: Iterable[tuple[int, int]]) -> None:
        for version, job in jobs:
            self.train(run, version, job)

    def sample_training(self, run: str, version: int) -> None:
        self.messages.append(("sample", {"version": version}))

    def retain(self, run: str) -> None:
        self.messages.append(("retain", {}))

    def sample_evaluation(self, run: str, split: str, chunk: int) -> None:
        """Scores are no part of this machine."""

    def evaluate(self, run: str, split: str, version: int, chunk: int) -> None:
        """Scores are no part of this machine."""


class Observed(Exchange):
    """The real exchange, whose outcomes the model is told."""

    def __init__(self, client: redis.Redis, namespace: str, change: Change, model: "Model") -> None:
        self._change, self._model = change, model
        super().__init__(client, namespace)

    def script(self, name: str, package: str = "phiforge.runs", shared: Sequence[str] = ()) -> Script:
        return Script(self.redis, self._change(name, text_of(name, package, shared)))

    def forget(self, run: str) -> None:
        super().forget(run)
        self._model.wiped()


class ObservedSteps(SynchronousExchange):
    """The real open steps, whose outcomes the model is told."""

    def __init__(self, exchange: Exchange, model: "Model") -> None:
        super().__init__(exchange)
        self._model = model

    def publish(self, run: str, version: int, job: int, payload: bytes, origin: Origin) -> Published:
        published = super().publish(run, version, job, payload, origin)
        if published.outcome is Outcome.PUBLISHED:
            self._model.published(version, job, payload)
        return published

    def commit(self, run: str, version: int, jobs: int, commit: Commit) -> bool:
        committed = super().commit(run, version, jobs, commit)
        if committed:
            self._model.committed(version + 1, commit.phi_hash)
        return committed

    def restore(self, run: str, restored: Restored) -> bool:
        did = super().restore(run, restored)
        if did:
            self._model.restored(restored.version, restored.phi_hash)
        return did


class Model:
    """What must be so, in a few lines: the head moves on by one commit at a time, and back by a restore alone."""

    hashes: ClassVar[dict[int, str]] = {}
    """Of φ at every version, over all examples: one spec has one φ."""

    def __init__(self) -> None:
        self.head: int | None = None
        self.contributions: dict[int, bytes] = {}
        self.wrong: list[str] = []
        """What was not so; told when asked, for in a process an error would be handled like any other."""

    def must(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.wrong.append(otherwise)

    def committed(self, version: int, phi_hash: str) -> None:
        self.must(self.head == version - 1, f"version {version} was committed on {self.head}")
        self.must(len(self.contributions) == JOBS, f"version {version} was committed from {sorted(self.contributions)}")
        self._at(version, phi_hash)

    def restored(self, version: int, phi_hash: str) -> None:
        self.must(self.head is None or self.head < version, f"the head went from {self.head} back to {version}")
        self._at(version, phi_hash)

    def published(self, version: int, job: int, payload: bytes) -> None:
        self.must(self.head == version, f"job {job} of version {version} came in while the head was {self.head}")
        self.must(job not in self.contributions, f"job {job} of version {version} came in twice")
        self.contributions[job] = payload

    def wiped(self) -> None:
        self.head, self.contributions = None, {}

    def _at(self, version: int, phi_hash: str) -> None:
        self.must(self.hashes.setdefault(version, phi_hash) == phi_hash, f"version {version} has another φ")
        self.head, self.contributions = version, {}
