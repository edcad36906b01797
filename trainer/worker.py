"""One job: from its message to its contribution, whatever the rules by which its run moves."""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import NoReturn

import torch

from phiforge.base.canonical import sha256_hex
from phiforge.base.errors import AttemptError, FormatError, RunError
from phiforge.base.fault_points import reach
from phiforge.base.metrics import JOB_SECONDS, JOBS, TRAINED_TASKS, timed
from phiforge.fleet.attempts import working
from phiforge.fleet.fit import check_step, run_of
from phiforge.fleet.queue import worker_name
from phiforge.learning import finite
from phiforge.learning.device import require
from phiforge.learning.estimators import Contribution, Step
from phiforge.learning.estimators.bases.local_steps import estimator_of
from phiforge.learning.finite import NotFiniteError
from phiforge.learning.tensors import Tensors
from phiforge.runs.commit_log import Origin
from phiforge.runs.consistency.bounded_staleness import Ticket, is_ticketed
from phiforge.runs.consistency.bounded_staleness.moves import Ticketed
from phiforge.runs.consistency.committing import next_version
from phiforge.runs.consistency.synchronous.moves import Moved, OpenJob, Synchronous
from phiforge.runs.evidence import found_at, keep_job
from phiforge.runs.platform import Platform, learner_of
from phiforge.runs.reading import PATIENCE_SECONDS, NotReadyError, Read, read_episodes
from phiforge.runs.reconcile import fail
from phiforge.runs.record import RunRecord, training_episodes_key
from phiforge.runs.steps import Commit, Job, OpenStep, State
from phiforge.tasks.episodes import Episode
from trainer.head import Head, Place
from trainer.prefetcher import Ahead

log = logging.getLogger(__name__)


class Trainer:
    """Takes jobs one at a time; everything it remembers is a cache."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.name = worker_name("training")
        self.head = Head(platform)
        self._synchronous, self._ticketed = Synchronous(self), Ticketed(self)
        self.ahead = Ahead(lambda record, version, job: self._read(record, version, job, patience_seconds=0))

    def handle(self, run: str, version: int, job: int, sent_at: float) -> None:
        """Move ``run`` by one job and those kept after it; what this leaves undone is for ``reconcile`` to find."""
        JOB_SECONDS.labels(phase="queue_wait").observe(max(0.0, time.time() - sent_at))
        kept = self._handle(run, lambda: self._move(run, version, job))
        while kept:
            kept = self._handle(run, partial(self._synchronous.go_on, kept))

    def _handle(self, run: str, move: Callable[[], Moved]) -> OpenJob | None:
        """Let a job be moved; return the one to go on with, if any."""
        kept = None
        try:
            outcome, kept = move()
        except NotReadyError as reason:
            outcome = str(reason)
        except AttemptError as error:
            outcome = "broken"
            log.warning("will try again: %s", error)
        except RunError as error:
            outcome = "failed"
            fail(self.platform, run, str(error))
        JOBS.labels(outcome=outcome).inc()
        return kept

    def _move(self, run: str, version: int, job: int) -> Moved:
        record = run_of(self.platform, run)
        check_step(record, version, job)
        if is_ticketed(record.spec):
            return Moved(self._ticketed.move(record, Ticket(version, job)))
        return self._synchronous.move(record, version, job)

    def work(self, record: RunRecord, state: State, version: int, job: int) -> tuple[bytes, Origin]:
        """Return what ``job`` of ``version`` contributes, computed from φ of the head, and where it comes from."""
        require(record.spec.numerics, self.platform.settings.device)
        with timed("read"):
            phi = self.head.phi_on_device(Place.of(record.run, state))
            episodes, digest = self._read_episodes(record, version, job)
        started = time.perf_counter()
        with timed("compute"):
            contribution = self.compute(record, phi, episodes, version, job)
            if not finite.is_finite(contribution):
                self._stop(record, phi, episodes, version, job, contribution)
            payload = contribution.to_bytes()
        seconds = time.perf_counter() - started
        TRAINED_TASKS.inc(len(episodes))
        reach("trainer.computed")
        return payload, Origin(sha256_hex(payload), digest, self.name, seconds)

    @staticmethod
    def compute(record: RunRecord, phi: Tensors, episodes: list[Episode], version: int, job: int) -> Contribution:
        """Return what ``job`` contributes to the step from ``version``, which depends on the arguments alone."""
        spec = record.spec
        if torch.get_num_threads() != spec.numerics.threads:
            torch.set_num_threads(spec.numerics.threads)
        learner, estimator, step = learner_of(record, spec.task), estimator_of(spec), Step(spec, version)
        with working(f"job {job} of version {version}"):
            return estimator.contribute(learner, phi, episodes, step, job)

    def _stop(
        self,
        record: RunRecord,
        phi: Tensors,
        episodes: list[Episode],
        version: int,
        job: int,
        contribution: Contribution,
    ) -> NoReturn:
        """Find the episode that is not finite, keep what it takes to see it again, and raise NotFiniteError."""
        learner = learner_of(record, record.spec.task)
        place = finite.offender(finite.alone(learner, record.spec, phi, episodes, version, job))
        found = found_at(version, job, place, phi, f"the query loss of the job is {contribution.loss}")
        keep_job(self.platform.store, record.run, phi, found)
        raise NotFiniteError(job, f"{found.sentence}: {finite.advice(record.spec)}")

    def _read_episodes(self, record: RunRecord, version: int, job: int) -> Read:
        """Return the job's episodes; while they are not there, ask for them and put the job at the queue's end."""
        try:
            read = self.ahead.take(record, version, job) or self._read(record, version, job)
        except NotReadyError:
            self.platform.queue.sample_training(record.run, version)
            self.platform.queue.train(record.run, version, job)
            raise
        self.ahead.start(record, version, job)
        return read

    def _read(self, record: RunRecord, version: int, job: int, patience_seconds: float = PATIENCE_SECONDS) -> Read:
        key = training_episodes_key(record.run, version, job)
        outer = record.spec.outer
        return read_episodes(self.platform, key, record, record.spec.task, outer.job_tasks, patience_seconds)

    def next_version(self, record: RunRecord, step: OpenStep[Job]) -> Commit:
        """Return the next version; if it is not finite, keep the job that contributed most before saying so."""
        place = Place.of(record.run, step)
        phi, optimizer = self.head.phi(place), self.head.optimizer(place)
        try:
            with working(f"the step from version {step.head}"):
                return next_version(record, step, phi, optimizer, self.name)
        except FormatError:  # bytes as they were published, and yet no contributions
            log.exception("run %s: version %d cannot be made of its contributions", record.run, step.head)
            self.head.forget(record.run)
        except NotFiniteError as error:
            largest = list(step.contributions)[error.job]
            version, job = largest if isinstance(largest, Ticket) else (step.head, error.job)
            keep_job(self.platform.store, record.run, phi, found_at(version, job, None, phi, str(error)))
            raise
