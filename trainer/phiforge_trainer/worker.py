"""One job: from its message to its contribution, whatever the rules by which its run moves."""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import NoReturn

from phiforge.base.canonical import sha256_hex
from phiforge.base.errors import FormatError
from phiforge.base.fault_points import reach
from phiforge.base.metrics import JOB_SECONDS, JOBS, TRAINED_TASKS, timed
from phiforge.fleet.fit import check_step
from phiforge.fleet.messages import TRAIN
from phiforge.fleet.platform import Platform
from phiforge.fleet.queue import worker_name
from phiforge.fleet.supervision import Asked, Supervision, Work
from phiforge.fleet.working import working
from phiforge.learning import finite, offending
from phiforge.learning.device import require
from phiforge.learning.estimators import Contribution
from phiforge.learning.finite import NotFiniteError
from phiforge.learning.tensors import Tensors
from phiforge.runs.commit_log import Origin
from phiforge.runs.consistency.base import Moved, OpenJob
from phiforge.runs.consistency.committing import next_version
from phiforge.runs.consistency.protocols import protocol_of
from phiforge.runs.contributing import contribute
from phiforge.runs.evidence import not_finite_step, save_job
from phiforge.runs.keys import training_episodes_key
from phiforge.runs.learners import learner_of
from phiforge.runs.outcomes import NotReadyError, Outcome
from phiforge.runs.reading import PATIENCE_SECONDS, Read, read_episodes
from phiforge.runs.reconcile import start_next
from phiforge.runs.steps import Commit, OpenStep, State
from phiforge.runs.submitted import RunRecord
from phiforge.tasks.episodes import Episode
from phiforge_trainer.head import Head, Place
from phiforge_trainer.prefetcher import Prefetcher

log = logging.getLogger(__name__)


class Trainer:
    """Takes jobs one at a time; everything it remembers is a cache."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.name = worker_name("training")
        self.head = Head(platform)
        self._supervision = Supervision(platform, "training")
        self._ended = False
        """Whether the training of a run ended by this trainer's hand: there is room for another."""
        self.prefetcher = Prefetcher(lambda record, version, job: self._read(record, version, job, patience_seconds=0))

    def handle(self, run: str, version: int, job: int, sent_at: float) -> None:
        """Move ``run`` by one job and those kept after it; what this leaves undone is for ``reconcile`` to find.

        Raises MessageError if the run has no such step or job.
        """
        JOB_SECONDS.labels(phase="queue_wait").observe(max(0.0, time.time() - sent_at))
        kept = self._supervised(run, version, job, partial(self._move, version, job))
        while kept:
            going_on = partial(self._go_on, kept)
            kept = self._supervised(kept.record.run, kept.state.head, kept.job, going_on)
        if self._ended:
            self._ended = False
            start_next(self.platform)

    def _supervised(self, run: str, version: int, job: int, move: Callable[[RunRecord], Moved]) -> OpenJob | None:
        """Let a job be moved; return the one to go on with, if any."""
        kept: OpenJob | None = None

        def do(record: RunRecord) -> Outcome:
            nonlocal kept
            outcome, kept = move(record)
            return outcome

        def plan(record: RunRecord) -> Work:
            check_step(record, version, job)
            return Work(protocol_of(self.platform, record).attempts_kind(version), partial(do, record))

        put_back = partial(self.platform.queue.train, run, version, job)
        outcome = self._supervision.supervise(Asked(TRAIN, run, _name(version, job), put_back), plan)
        JOBS.labels(outcome=outcome).inc()
        return kept

    def _move(self, version: int, job: int, record: RunRecord) -> Moved:
        return protocol_of(self.platform, record).move(self, record, version, job)

    def _go_on(self, kept: OpenJob, record: RunRecord) -> Moved:
        return protocol_of(self.platform, record).go_on(self, kept)

    def work(self, record: RunRecord, state: State, version: int, job: int) -> tuple[bytes, Origin]:
        """Return what ``job`` of ``version`` contributes, computed from φ of the head, and where it comes from.

        Raises IncapableWorkerError if this trainer cannot compute it, NotReadyError if what it takes is not there.
        """
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
        with working(_name(version, job)):
            return contribute(record, phi, episodes, version, job)

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
        place = offending.offender(offending.alone(learner, record.spec, phi, episodes, version, job))
        found = not_finite_step(version, job, place, phi, f"the query loss of the job is {contribution.loss}")
        save_job(self.platform.store, record.run, phi, found)
        raise NotFiniteError(job, f"{found.sentence}: {finite.advice(record.spec)}")

    def _read_episodes(self, record: RunRecord, version: int, job: int) -> Read:
        """Return the job's episodes; while they are not there, ask for them and put the job at the queue's end."""
        try:
            read = self.prefetcher.take(record, version, job) or self._read(record, version, job)
        except NotReadyError:
            self.platform.queue.sample_training(record.run, version)
            self.platform.queue.train(record.run, version, job)
            raise
        self.prefetcher.prefetch_after(record, version, job)
        return read

    def _read(self, record: RunRecord, version: int, job: int, patience_seconds: float = PATIENCE_SECONDS) -> Read:
        key = training_episodes_key(record.run, version, job)
        outer = record.spec.outer
        return read_episodes(self.platform, key, record, record.spec.task, outer.job_tasks, patience_seconds)

    def next_version(self, record: RunRecord, step: OpenStep) -> Commit:
        """Return the next version; if it is not finite, keep the job that contributed most before saying so."""
        place = Place.of(record.run, step)
        self._ended = step.head + 1 == record.spec.outer.versions
        phi, optimizer = self.head.phi(place), self.head.optimizer(place)
        try:
            with working(f"the step from version {step.head}"):
                return next_version(record, step, phi, optimizer, self.name)
        except FormatError:  # bytes as they were published, and yet no contributions
            log.exception("run %s: version %d cannot be made of its contributions", record.run, step.head)
            self.head.forget(record.run)
        except NotFiniteError as error:
            version, job = list(step.contributions)[error.job]
            save_job(self.platform.store, record.run, phi, not_finite_step(version, job, None, phi, str(error)))
            raise

    def keep(self, commit: Commit) -> None:
        """Hold what was just committed: it is the head that the next job starts from."""
        self.head.keep(commit)

    def published(self, record: RunRecord, version: int, count: int) -> None:
        """Begin to read for the job that is probably the next."""
        self.prefetcher.prefetch_next_version(record, version, count)

    def kept(self, record: RunRecord, version: int) -> int:
        """Return which job of ``version`` to go on with."""
        return self.prefetcher.job_to_keep(record, version)


def _name(version: int, job: int) -> str:
    return f"job {job} of version {version}"
