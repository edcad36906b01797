"""One evaluation message: from a chunk of fixed episodes to its scores, the summary and the run's report."""

import logging
import math
from functools import lru_cache

import torch

from evaluator.report import build_report
from phiforge.base.errors import AttemptError, RunError
from phiforge.base.fault_points import reach
from phiforge.base.metrics import EVALUATE_SECONDS, EVALUATED_TASKS
from phiforge.fleet.attempts import working
from phiforge.fleet.fit import check_judged, run_of
from phiforge.fleet.platform import Platform
from phiforge.learning.device import require
from phiforge.learning.scoring import ChunkScores, score, summary
from phiforge.runs import judging
from phiforge.runs.checkpoints import Checkpoint
from phiforge.runs.keys import evaluation_episodes_key
from phiforge.runs.learners import learner_of
from phiforge.runs.outcomes import NotReadyError
from phiforge.runs.reading import read_episodes
from phiforge.runs.reconcile import fail
from phiforge.runs.record import RunStatus
from phiforge.runs.submitted import RunRecord
from phiforge.tasks.episodes import Episode

log = logging.getLogger(__name__)


class Evaluator:
    """Scores chunks one at a time; everything it remembers is a cache."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self._checkpoint = lru_cache(maxsize=4)(platform.checkpoints.load)

    def handle(self, run: str, split: str, version: int, chunk: int, sent_at: float) -> None:
        """Score one chunk unless its scores are there; the last chunk in moves the run on."""
        record = run_of(self.platform, run)
        check_judged(record, split, chunk, version)
        if self.platform.record.status(run) is not RunStatus.RUNNING:
            return
        try:
            if version not in self.platform.record.scored(run, split):
                with self.platform.attempts.attempt(run, "evaluation", _name(split, version, chunk)):
                    self._score_chunk(record, split, version, chunk)
            if version in self.platform.record.scored(run, split):
                self._conclude(record)
        except NotReadyError as reason:
            log.info("chunk %d of %s of run %s: %s", chunk, split, run, reason)
        except AttemptError as error:
            log.warning("will try again: %s", error)
        except RunError as error:
            fail(self.platform, run, str(error))

    def _score_chunk(self, record: RunRecord, split: str, version: int, chunk: int) -> None:
        there = self.platform.exchange.scores(record.run, split, version)
        if chunk not in there:
            episodes = self._read_episodes(record, split, version, chunk)
            payload = self._score(record, version, split, chunk, episodes).to_bytes()
            reach("evaluator.scored")
            self.platform.exchange.publish_scores(record.run, split, version, chunk, payload)
            there = self.platform.exchange.scores(record.run, split, version)
        if len(there) == judging.chunks_of(record, split):
            chunks = [ChunkScores.from_bytes(payload) for payload in there.values()]
            phi_hash = self._checkpoint(record.run, version).phi_hash
            scores = summary(version, phi_hash, chunks)
            self.platform.record.save_scores(record.run, split, version, scores)
            self.platform.exchange.note_summary(record.run, split, scores)

    def _score(self, record: RunRecord, version: int, split: str, chunk: int, episodes: list[Episode]) -> ChunkScores:
        """Score episodes; the seed is of the judged episodes, so that every run meets the same randomness."""
        torch.set_num_threads(record.spec.numerics.threads)
        device = self.platform.settings.device
        require(record.spec.numerics, device)
        checkpoint: Checkpoint = self._checkpoint(record.run, version)
        phi = {name: value.to(device) for name, value in checkpoint.phi.items()}
        learner = learner_of(record, record.spec.evaluation_task)
        with EVALUATE_SECONDS.time(), working(_name(split, version, chunk)):
            together = record.spec.numerics.chunk
            seed = (record.spec.evaluation.seed, "judge", split, chunk)
            scores = score(learner, phi, episodes, *seed, together=together)
        EVALUATED_TASKS.labels(split=split).inc(len(episodes))
        for index, loss in enumerate(scores.of["loss"]):
            if not math.isfinite(loss):
                raise RunError(
                    f"{_name(split, version, chunk)}, episode {index}: the query loss is {loss}, not finite: lower the "
                    "inner learning rate or learner.inner_steps_evaluation"
                )
        return scores

    def _read_episodes(self, record: RunRecord, split: str, version: int, chunk: int) -> list[Episode]:
        """Return the chunk's episodes; while they are not there, ask for them and put the chunk at the queue's end."""
        key = evaluation_episodes_key(record, split, chunk)
        try:
            spec = record.spec
            count = spec.evaluation.chunk_size
            episodes = read_episodes(self.platform, key, record, spec.evaluation_task, count).episodes
        except NotReadyError:
            self.platform.queue.sample_evaluation(record.run, split, chunk)
            self.platform.queue.evaluate(record.run, split, version, chunk)
            raise
        first = chunk * record.spec.evaluation.chunk_size
        return episodes[: judging.tasks_of(record, split) - first]

    def _conclude(self, record: RunRecord) -> None:
        """Do what is next once some version was summed up: nothing yet, the test episodes, or the report."""
        for split, version in judging.due(self.platform, record):
            if split == "validation":
                return
            if version in self.platform.record.scored(record.run, "test"):
                self.platform.record.save_report(record.run, build_report(self.platform, record, version))
                self.platform.exchange.stop(record.run, RunStatus.COMPLETE)
            else:
                self.platform.exchange.touch(record.run, "evaluation")
                judging.send(self.platform, record, "test", version)


def _name(split: str, version: int, chunk: int) -> str:
    return f"chunk {chunk} of {split} at version {version}"
