"""One job of a synchronous run: its contribution, and the next version when it is the last one in."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from phiforge.base.fault_points import reach
from phiforge.base.metrics import COMMITS, COMMITS_LOST, DAMAGED, timed
from phiforge.runs.consistency.committing import damaged_jobs
from phiforge.runs.outcomes import NotReadyError, Outcome
from phiforge.runs.reconcile import advance, sample_ahead
from phiforge.runs.record import RunRecord
from phiforge.runs.steps import OpenStep, Published, State

if TYPE_CHECKING:
    from trainer.worker import Trainer

log = logging.getLogger(__name__)


class OpenJob(NamedTuple):
    """A job of the open step: of which run, and the state that the step is from."""

    record: RunRecord
    state: State
    job: int


class Moved(NamedTuple):
    """What became of a job, and the one to go on with, if any."""

    outcome: str
    kept: OpenJob | None = None


class Synchronous:
    """Moves runs whose versions wait for all of their jobs, with the hands of a trainer."""

    def __init__(self, trainer: "Trainer") -> None:
        self.trainer = trainer
        self.platform = trainer.platform

    def move(self, record: RunRecord, version: int, job: int) -> Moved:
        """Move a run by one job.

        The contribution that completes a step makes the version. Where that worker died, whoever meets a job whose
        contribution is there already does: ``reconcile`` sends one.
        """
        state, there = self.platform.exchange.before_job(record.run, version, job)
        if state is None or state.head != version:
            return Moved("stale")
        if state.status != "running":
            return Moved("stopped")
        return self._move(OpenJob(record, state, job), there)

    def go_on(self, kept: OpenJob) -> Moved:
        """Move a run by a job that this trainer kept to itself."""
        return self._move(kept, there=False)

    def _move(self, at: OpenJob, there: bool) -> Moved:
        record, version = at.record, at.state.head
        kept, own = None, {}
        if there:
            outcome, count = "duplicate", len(self.platform.exchange.contributed(record.run, version))
        else:
            (outcome, count), payload = self._contribute(at)
            own = {at.job: payload} if outcome == "published" else {}
        if count == record.spec.outer.jobs:
            kept = self._commit(record, version, own)
        return Moved(outcome, kept)

    def _contribute(self, at: OpenJob) -> tuple[Published, bytes]:
        record, version = at.record, at.state.head
        payload, origin = self.trainer.work(record, at.state, version, at.job)
        with timed("publish"):
            published = self.platform.exchange.publish(record.run, version, at.job, payload, origin)
        if published.contributions == max(1, record.spec.outer.jobs - 1):
            sample_ahead(self.platform, record, version + 1)  # trainers wait for the last now: it delays none
        if published.contributions < record.spec.outer.jobs:  # else it would be in the way of the commit
            self.trainer.prefetcher.prefetch_next_version(record, version, published.contributions)
        reach("trainer.published")
        return published, payload

    def _commit(self, record: RunRecord, version: int, own: Mapping[int, bytes]) -> OpenJob | None:
        """Make the next version, also of what is ``own``; return which of its jobs this trainer keeps, if any."""
        with timed("commit"):
            step = self.platform.exchange.open_step(record.run, version, record.spec.outer.jobs, own)
            if step is None:
                COMMITS_LOST.inc()
                return None
            self._check(record, step, own)
            commit = self.trainer.next_version(record, step)
            reach("trainer.reduced")
            if not self.platform.exchange.commit(record.run, version, record.spec.outer.jobs, commit):
                COMMITS_LOST.inc()
                return None
            COMMITS.inc()
            reach("trainer.committed")
            kept = self._keeps(record, commit.state(version + 1))
            advance(self.platform, record, version + 1, kept.job if kept else None)
            self.trainer.prefetcher.prefetch_next_version(record, version, record.spec.outer.jobs)
            self.trainer.head.keep(commit)
        return kept

    def _keeps(self, record: RunRecord, state: State) -> OpenJob | None:
        """Return which job of the new version to go on with: none if a message waits, or this trainer is to stop.

        So a version does not wait for a message from this trainer to itself, nor does any other run.
        """
        queue = self.platform.queue
        if state.head == record.spec.outer.versions or not queue.serves_on:
            return None
        if self.platform.exchange.waiting(queue.name("training")):
            return None
        return OpenJob(record, state, self.trainer.prefetcher.job_to_keep(record, state.head))

    def _check(self, record: RunRecord, step: OpenStep[int], own: Mapping[int, bytes]) -> None:
        """Drop what is damaged in the open step and ask for it again; raises NotReadyError if there is any."""
        if jobs := damaged_jobs(step, own):
            log.error("run %s: dropping damaged contributions of jobs %s of version %d", record.run, jobs, step.head)
            DAMAGED.inc(len(jobs))
            self.platform.exchange.drop_contributions(record.run, step.head, jobs)
            for job in jobs:
                self.platform.queue.train(record.run, step.head, job)
            raise NotReadyError(Outcome.DAMAGED)
