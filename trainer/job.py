"""One job: from its message to its contribution, and to the next version when it is the last one in."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import torch

from phiforge.canonical import sha256_hex
from phiforge.engine import require
from phiforge.episodes import Episode
from phiforge.errors import RunError
from phiforge.exchange import OpenStep, State
from phiforge.lineage import Origin
from phiforge.metrics import COMMITS, COMMITS_LOST, DAMAGED, JOB_SECONDS, JOBS, TRAINED_TASKS
from phiforge.platform import Platform, learner_of
from phiforge.progress import advance, fail
from phiforge.queue import worker_name
from phiforge.reading import NotReadyError, Read, read_episodes
from phiforge.record import RunRecord, training_episodes_key
from phiforge.tensors import Tensors
from trainer.committing import damaged_jobs, head_is_intact, intact, next_version
from trainer.estimators import Contribution, Step, build_estimator

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 20
"""Times a job may be begun before its run is given up: something about it kills its workers."""


class Trainer:
    """Takes jobs one at a time; everything it remembers is a cache."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.name = worker_name("training")
        self._phi: tuple[str, Tensors] = ("", {})

    def handle(self, run: str, version: int, job: int, sent_at: float) -> None:
        """Move ``run`` by one job; whatever this leaves undone is for ``reconcile`` to find."""
        JOB_SECONDS.labels(phase="queue_wait").observe(max(0.0, time.time() - sent_at))
        try:
            outcome = self._move(run, version, job)
        except NotReadyError as reason:
            outcome = str(reason)
        except RunError as error:
            outcome = "failed"
            fail(self.platform, run, str(error))
        JOBS.labels(outcome=outcome).inc()

    def _move(self, run: str, version: int, job: int) -> str:
        state = self.platform.exchange.state(run)
        if state is None or state.head != version:
            return "stale"
        if state.status != "running":
            return "stopped"
        record = self.platform.run(run)
        require(record.spec.numerics.settled_engine, self.platform.settings.device)
        there, attempts = self.platform.exchange.begin(run, version, job)
        if attempts > MOST_ATTEMPTS:
            raise RunError(f"job {job} of version {version} was begun {MOST_ATTEMPTS} times and never finished")
        if there:
            outcome, count = "duplicate", len(self.platform.exchange.contributed(run, version))
        else:
            outcome, count = self._contribute(record, state, job)
        if count == record.spec.outer.jobs:
            self._commit(record, version)
        return outcome

    def _contribute(self, record: RunRecord, state: State, job: int) -> tuple[str, int]:
        with _timed("read"):
            phi = self._read_phi(record, state)
            episodes, digest = self._read_episodes(record, state.head, job)
        started = time.perf_counter()
        with _timed("compute"):
            payload = self.compute(record, phi, episodes, state.head, job).to_bytes()
        seconds = time.perf_counter() - started
        TRAINED_TASKS.inc(len(episodes))
        with _timed("publish"):
            origin = Origin(sha256_hex(payload), digest, self.name, seconds)
            outcome, count = self.platform.exchange.publish(record.run, state.head, job, payload, origin)
        return outcome, count

    @staticmethod
    def compute(record: RunRecord, phi: Tensors, episodes: list[Episode], version: int, job: int) -> Contribution:
        """Return what ``job`` contributes to the step from ``version``, which depends on the arguments alone."""
        spec = record.spec
        if torch.get_num_threads() != spec.numerics.threads:
            torch.set_num_threads(spec.numerics.threads)
        learner, estimator = learner_of(record, spec.task), build_estimator(spec.estimator)
        try:
            return estimator.contribute(learner, phi, episodes, Step(spec, version), job)
        except Exception as error:
            log.exception("job %d of version %d of run %s", job, version, record.run)
            raise RunError(f"job {job} of version {version}: {type(error).__name__}: {error}") from error

    def _read_phi(self, record: RunRecord, state: State) -> Tensors:
        """Return φ of the head on this trainer's device; Redis is asked only when the head is new here."""
        if self._phi[0] != state.phi_hash:
            data = self.platform.exchange.phi(record.run, state.head)
            if data is None and self.platform.exchange.state(record.run) != state:
                raise NotReadyError("stale")
            phi = intact(data, state.phi_hash)
            if phi is None:
                self._forget(record)
            device = self.platform.settings.device
            self._phi = (state.phi_hash, {name: value.to(device) for name, value in phi.items()})
        return self._phi[1]

    def _forget(self, record: RunRecord) -> NoReturn:
        """Drop a head that is damaged in Redis: ``reconcile`` restores it from the newest checkpoint."""
        DAMAGED.inc()
        self.platform.exchange.forget(record.run)
        raise NotReadyError("damaged")

    def _read_episodes(self, record: RunRecord, version: int, job: int) -> Read:
        """Return the job's episodes; while they are not there, ask for them and put the job at the queue's end."""
        try:
            return read_episodes(
                self.platform, training_episodes_key(record.run, version, job), record.spec.numerics.dtype
            )
        except NotReadyError:
            self.platform.queue.sample_training(record.run, version)
            self.platform.queue.train(record.run, version, job)
            raise

    def _commit(self, record: RunRecord, version: int) -> None:
        with _timed("commit"):
            step = self.platform.exchange.open_step(record.run, version)
            if step is None or len(step.contributions) != record.spec.outer.jobs:
                COMMITS_LOST.inc()
                return
            self._check(record, step)
            commit = next_version(record, step, self.name)
            if not self.platform.exchange.commit(record.run, version, record.spec.outer.jobs, commit):
                COMMITS_LOST.inc()
                return
            COMMITS.inc()
            advance(self.platform, record, version + 1)

    def _check(self, record: RunRecord, step: OpenStep) -> None:
        """Drop what is damaged in the open step and ask for it again; raises NotReadyError if there is any."""
        if not head_is_intact(step):
            self._forget(record)
        if jobs := damaged_jobs(step):
            log.error("run %s: dropping damaged contributions of jobs %s of version %d", record.run, jobs, step.head)
            DAMAGED.inc(len(jobs))
            self.platform.exchange.drop_contributions(record.run, step.head, jobs)
            for job in jobs:
                self.platform.queue.train(record.run, step.head, job)
            raise NotReadyError("damaged")


@contextmanager
def _timed(phase: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    JOB_SECONDS.labels(phase=phase).observe(time.perf_counter() - start)
