"""The protocol as a state machine: real trainers, reconcile, scripts and Redis, under any delivery and any death.

What may happen is a rule: a message is delivered late, twice, out of order or never; a process goes on by one call,
dies between two calls, or wakes up long after; Redis loses everything. What must hold is an invariant, looked at after
each.
"""

import tempfile
import time
import uuid
from pathlib import Path
from typing import Any, ClassVar

import redis
import torch
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.learning.estimators import Contribution
from phiforge.learning.tensors import decode, encode, fingerprint
from phiforge.runs import reading
from phiforge.runs.consistency.synchronous.protocol import Synchronous
from phiforge.runs.reconcile import reconcile
from phiforge.runs.store import LocalStore
from phiforge_client.submission import submit
from phiforge_sampler.service import Sampler
from phiforge_trainer.worker import Trainer
from tests.protocol.model import EVERY, JOBS, VERSIONS, Bag, Change, Message, Model, Observed, ObservedSteps
from tests.protocol.process import Outside, Process

MOST_PROCESSES = 4
MOST_ROUNDS = 30
"""Of fair delivery and reconcile, within which any state must reach the end."""

EXCHANGE = {"state", "begin_attempt", "end_attempt", "phi", "optimizer", "log", "drop_log", "stalled", "forget"}
STEPS = {"before_job", "contributed", "open_step", "publish", "drop", "commit", "restore"}
STORE = {"put", "put_if_absent", "delete"}
QUEUE = {"train", "sample_training", "retain"}

SPEC: dict[str, Any] = {
    "name": "machine",
    "data": {"name": "sinusoid"},
    "task": {"n_way": 1, "k_shot": 1, "n_query": 1},
    "learner": {"name": "maml", "inner_lr": 0.01, "network": {"name": "mlp", "width": 1, "layers": 1}},
    "outer": {"versions": VERSIONS, "meta_batch": JOBS, "job_size": 1},
    "sampling": {"window": 2},
    "checkpoint": {"every": EVERY},
    "evaluation": {"every": VERSIONS, "validation_tasks": 2, "test_tasks": 2},
}


class Tagged(Contribution):
    """What a job contributes, in bytes that no other attempt at it has: two devices may well round otherwise."""

    def to_bytes(self) -> bytes:
        return encode(decode(super().to_bytes()) | {"tag": torch.tensor([time.monotonic_ns()])})


class OwnTrainer(Trainer):
    """The real trainer, with tagged contributions."""

    def compute(self, *arguments: Any) -> Contribution:  # type: ignore[override]
        found = super().compute(*arguments)
        return Tagged(found.scores, found.tasks, found.values, found.statistics)


class Worker(Process):
    """A service process: a trainer that also reconciles."""

    def __init__(self, machine: "ProtocolMachine") -> None:
        super().__init__()
        store, exchange = Outside(machine.store, self, STORE), Outside(machine.exchange, self, EXCHANGE)
        queue: Any = Outside(machine.bag, self, QUEUE)
        self.platform = Platform(machine.settings, store, exchange, queue)  # type: ignore[arg-type]
        observe(self.platform, Outside(machine.steps, self, STEPS))
        self.trainer = OwnTrainer(self.platform)


def observe(platform: Platform, steps: Any) -> None:
    """Let synchronous runs on a platform be moved by way of ``steps``."""
    protocol = Synchronous(platform)
    protocol.exchange = steps
    platform._made[Synchronous] = protocol


class ProtocolMachine(RuleBasedStateMachine):
    """One run, from its submission to its last version, under everything that may happen."""

    url: ClassVar[str]
    liveness: ClassVar[bool] = True
    """Whether each example is taken to the run's end, which most of its time goes into."""
    change: ClassVar[Change] = staticmethod(lambda name, text: text)

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.client = redis.Redis.from_url(self.url)
        self.client.flushall()
        self.settings = Settings(
            home=Path(self.folder.name),
            redis_url=self.url,
            namespace=f"machine-{uuid.uuid4().hex[:8]}",
            lease_seconds=3600,  # what counts attempts has tests of its own
        )
        self.patience, reading.PATIENCE_SECONDS = reading.PATIENCE_SECONDS, 0.0
        self.store = LocalStore(Path(self.folder.name) / "store")
        self.model = Model()
        self.exchange = Observed(self.client, self.settings.namespace, type(self).change, self.model)
        self.steps = ObservedSteps(self.exchange, self.model)
        self.bag = Bag()
        self.workers: list[Worker] = []
        self.run = ""

    @property
    def outside(self) -> Platform:
        """The connections of somebody who does not stand still."""
        bag: Any = self.bag
        platform = Platform(self.settings, self.store, self.exchange, bag)
        observe(platform, self.steps)
        return platform

    @initialize()
    def submit(self) -> None:
        """Submit the run; the first episodes are there, others when their messages come."""
        self.run = submit(self.outside, SPEC)
        for message in [message for message in self.bag.messages if message[0] == "sample"]:
            self.bag.messages.remove(message)
            self.take(message)

    def busy(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.busy]

    def _free(self) -> Worker:
        for worker in self.workers:
            if not worker.busy:
                return worker
        self.workers.append(Worker(self))
        return self.workers[-1]

    @precondition(lambda self: self.bag.messages and len(self.busy()) < MOST_PROCESSES)
    @rule(pick=st.integers(0, 50), again=st.booleans(), calls=st.integers(0, 6))
    def deliver(self, pick: int, again: bool, calls: int) -> None:
        """Deliver any message, which may come once more, to a process that does some calls and then stands still."""
        place = pick % len(self.bag.messages)
        message = self.bag.messages[place] if again else self.bag.messages.pop(place)
        worker = self.take(message)
        for _ in range(calls):
            if worker and worker.busy:
                worker.step()

    @precondition(lambda self: self.bag.messages and len(self.busy()) < MOST_PROCESSES - 1)
    @rule(pick=st.integers(0, 50), calls=st.lists(st.integers(0, 6), min_size=2, max_size=2))
    def race(self, pick: int, calls: list[int]) -> None:
        """Deliver a message to two processes, which both get somewhere."""
        place = pick % len(self.bag.messages)
        self.deliver(place, again=True, calls=calls[0])
        self.deliver(place, again=False, calls=calls[1])

    @precondition(lambda self: self.bag.messages)
    @rule()
    def work(self) -> None:
        """Deliver what was sent so far, each to a process that does all of it, while others stand still."""
        for _ in range(len(self.bag.messages)):
            self.take(self.bag.messages.pop(0), finish=True)
            self.check()

    @precondition(lambda self: self.bag.messages)
    @rule(pick=st.integers(0, 50))
    def lose(self, pick: int) -> None:
        """Lose a message."""
        self.bag.messages.pop(pick % len(self.bag.messages))

    @precondition(lambda self: self.busy())
    @rule(pick=st.integers(0, 50), calls=st.integers(1, 6))
    def go_on(self, pick: int, calls: int) -> None:
        """Let a process do some calls: by the choice of it, after others that began later, or long after."""
        worker = self.busy()[pick % len(self.busy())]
        for _ in range(calls):
            if worker.busy:
                worker.step()

    @precondition(lambda self: self.busy())
    @rule(pick=st.integers(0, 50))
    def finish(self, pick: int) -> None:
        """Let a process do all it is at."""
        self.busy()[pick % len(self.busy())].finish()

    @precondition(lambda self: self.busy())
    @rule(pick=st.integers(0, 50))
    def kill(self, pick: int) -> None:
        """Kill a process between two calls."""
        worker = self.busy()[pick % len(self.busy())]
        worker.kill()
        self.workers.remove(worker)

    @precondition(lambda self: len(self.busy()) < MOST_PROCESSES)
    @rule(calls=st.integers(0, 3))
    def look(self, calls: int) -> None:
        """Let a process begin to reconcile."""
        worker = self.looking()
        for _ in range(calls):
            if worker.busy:
                worker.step()

    @rule()
    def change_of_plan(self) -> None:
        """Let trainers keep a job of what they commit to themselves from now on, or not any more."""
        self.bag.serves_on = not self.bag.serves_on

    @rule()
    def wipe(self) -> None:
        """Lose all that Redis holds, queues included; processes do not notice."""
        self.client.flushall()
        self.bag.messages.clear()
        self.model.wiped()

    @invariant()
    def the_head_is_what_was_committed(self) -> None:
        assert not self.model.wrong, self.model.wrong
        state = self.exchange.state(self.run) if self.run else None
        assert (state.head if state else None) == self.model.head
        if state:
            phi = self.exchange.phi(self.run, state.head)
            assert phi is not None
            assert fingerprint(decode(phi)) == state.phi_hash == self.model.hashes[state.head]

    @invariant()
    def contributions_are_those_that_came_first(self) -> None:
        found: dict[int, dict[int, bytes]] = {}
        for key in self.client.keys(f"*{{{self.run}}}:contribution:*"):
            version, job = map(int, key.split(b":")[-2:])
            found.setdefault(version, {})[job] = self.client.get(key)
        for key in self.client.keys(f"*{{{self.run}}}:origins:*"):
            version = int(key.rpartition(b":")[2])
            assert sorted(map(int, self.client.hkeys(key))) == sorted(found[version])
        assert not self.client.keys("*:staged:*")
        expected = {self.model.head: self.model.contributions} if self.model.contributions else {}
        assert found == expected, f"contributions of {sorted(found)}, head {self.model.head}"

    @invariant()
    def nothing_is_lost_beyond_the_checkpoint(self) -> None:
        """The head leaves no unwritten checkpoint behind, so losing Redis costs fewer than EVERY versions and one."""
        if self.model.head:
            due = (self.model.head - 1) // EVERY * EVERY
            newest = max(self.outside.record.checkpoints(self.run))
            assert newest >= due, f"checkpoint {due} was left behind: the newest is {newest}"

    def teardown(self) -> None:
        """Whatever was reached: with every other process dead, fair delivery and reconcile reach the end."""
        try:
            if self.run and self.liveness:
                self._reach_the_end()
        finally:
            for worker in self.workers:
                worker.error = None
                worker.kill()
            reading.PATIENCE_SECONDS = self.patience
            self.client.close()
            self.folder.cleanup()

    def _reach_the_end(self) -> None:
        for number, worker in enumerate(self.busy()):
            worker.kill() if number % 2 else worker.finish()
            self.check()
        self.workers = [worker for worker in self.workers if not worker.dead]
        for _ in range(MOST_ROUNDS):
            self.looking().finish()
            self.check()
            for _ in range(len(self.bag.messages)):
                self.take(self.bag.messages.pop(0), finish=True)
                self.check()
            if self.model.head == VERSIONS and max(self.outside.record.checkpoints(self.run)) == VERSIONS:
                break
        assert self.model.head == VERSIONS, f"after {MOST_ROUNDS} rounds the head is {self.model.head}"
        logged = [(entry["version"], entry["phi_hash"]) for entry in self.outside.record.log(self.run)]
        assert logged == [(version, self.model.hashes[version]) for version in range(1, VERSIONS + 1)]
        assert self.outside.record.status(self.run) == "running"  # it waits for scores, which nobody gives here

    def take(self, message: Message, *, finish: bool = False) -> Worker | None:
        kind, fields = message
        if kind != "train":
            sampler = Sampler(self.outside)
            {"sample": sampler.sample_training, "retain": sampler.retain}[kind](self.run, sent_at=0, **fields)
            return None
        worker = self._free()
        worker.start(lambda: worker.trainer.handle(self.run, sent_at=0, **fields))
        if finish:
            worker.finish()
        return worker

    def looking(self) -> Worker:
        """Return a process that begins to reconcile, after as much time as it takes to find a run silent."""
        self._pass_time()
        worker = self._free()
        worker.start(lambda: reconcile(worker.platform, self.run))
        return worker

    def _pass_time(self) -> None:
        key = self.exchange.key(self.run, "state")
        if self.client.exists(key):
            self.client.hset(key, mapping={"moved_at": 0, "resends": 0})

    def check(self) -> None:
        self.the_head_is_what_was_committed()
        self.contributions_are_those_that_came_first()
        self.nothing_is_lost_beyond_the_checkpoint()
