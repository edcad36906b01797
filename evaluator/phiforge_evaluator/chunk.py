"""One evaluation message: from a chunk of fixed episodes to its scores, the summary and the run's report."""

from collections.abc import Collection, Iterable
from functools import lru_cache, partial

import torch

from phiforge.base.errors import RunError
from phiforge.base.fault_points import reach
from phiforge.base.metrics import EVALUATE_SECONDS, EVALUATED_TASKS
from phiforge.fleet.fit import check_judged
from phiforge.fleet.messages import EVALUATE
from phiforge.fleet.platform import Platform
from phiforge.fleet.supervision import Asked, Supervision, Work
from phiforge.fleet.working import working
from phiforge.learning.device import require
from phiforge.learning.optimizers import judged
from phiforge.runs import judging
from phiforge.runs.checkpoints import Checkpoint
from phiforge.runs.keys import evaluation_episodes_key
from phiforge.runs.learners import learner_of
from phiforge.runs.outcomes import NotReadyError, Outcome
from phiforge.runs.reading import read_episodes
from phiforge.runs.reconcile import start_next
from phiforge.runs.record import RunStatus
from phiforge.runs.submitted import RunRecord
from phiforge.tasks.episodes import Episode
from phiforge_evaluator.report import build_report, judged_checkpoint
from phiforge_evaluator.scores import scored, steps_of, summed_up


class Evaluator:
    """Scores chunks one at a time; everything it remembers is a cache."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self._supervision = Supervision(platform, "evaluation")
        self._checkpoint = lru_cache(maxsize=4)(partial(judged_checkpoint, platform))

    def handle(self, run: str, split: str, version: int, chunk: int, sent_at: float) -> None:
        """Score one chunk unless its scores are there; the last chunk in moves the run on.

        Raises MessageError if the run has no such chunk, or does not judge such a version.
        """

        def plan(record: RunRecord) -> Work:
            check_judged(record, split, chunk, version)
            return Work("evaluation", partial(self._judge, record, split, version, chunk))

        put_back = partial(self.platform.queue.evaluate, run, split, version, chunk)
        self._supervision.supervise(Asked(EVALUATE, run, _name(split, version, chunk), put_back), plan)

    def _judge(self, record: RunRecord, split: str, version: int, chunk: int) -> Outcome:
        """Score a chunk of a run that goes on, unless the version is summed up, and do what is next once it is."""
        if self.platform.record.status(record.run) is not RunStatus.RUNNING:
            return Outcome.STOPPED
        if self._is_summed_up(record, split, version):
            self._conclude(record, sends=False)
            return Outcome.DUPLICATE
        outcome = self._score_chunk(record, split, version, chunk)
        if self._is_summed_up(record, split, version):
            self._conclude(record, sends=True)
        return outcome

    def _is_summed_up(self, record: RunRecord, split: str, version: int) -> bool:
        return self.platform.record.has_scores(record.run, split, version)

    def _score_chunk(self, record: RunRecord, split: str, version: int, chunk: int) -> Outcome:
        """Publish a chunk's scores unless they are there, and sum all up if it was the last."""
        outcome, kind = Outcome.DUPLICATE, judging.kind_of(record, split)
        there = self.platform.exchange.scores(record.run, kind, version)
        if chunk not in there:
            require(record.spec.numerics, self.platform.settings.device)
            episodes = self._read_episodes(record, split, version, chunk)
            payload = self._score(record, version, split, chunk, episodes)
            reach("evaluator.scored")
            self.platform.exchange.publish_scores(record.run, kind, version, chunk, payload)
            there, outcome = self.platform.exchange.scores(record.run, kind, version), Outcome.PUBLISHED
            self._go_on(record, split, version, chunk, there)
        if len(there) == judging.chunks_of(record, split):
            self._sum_up(record, split, version, there.values())
        return outcome

    def _go_on(self, record: RunRecord, split: str, version: int, chunk: int, there: Collection[int]) -> None:
        """Ask for the next chunk, at the queue's end, and say how far the evaluation is."""
        judging.send_after(self.platform, record, split, version, chunk, there)
        total = judging.tasks_of(record, split)
        done = min(len(there) * record.spec.evaluation.chunk_size, total)
        self.platform.exchange.note_judged(record.run, done, total)

    def _sum_up(self, record: RunRecord, split: str, version: int, payloads: Iterable[bytes]) -> None:
        phi_hash = self._checkpoint(record.run, version).phi_hash
        scores = summed_up(record, version, phi_hash, payloads)
        self.platform.record.save_scores(record.run, split, version, scores)
        self.platform.exchange.note_summary(record.run, split, scores)

    def _score(self, record: RunRecord, version: int, split: str, chunk: int, episodes: list[Episode]) -> bytes:
        """Score episodes by the checkpoint of a version."""
        torch.set_num_threads(record.spec.numerics.threads)
        device = self.platform.settings.device
        checkpoint: Checkpoint = self._checkpoint(record.run, version)
        used = judged(record.spec.outer, checkpoint.phi, checkpoint.optimizer)
        phi = {name: value.to(device) for name, value in used.items()}
        learner = learner_of(record, record.spec.evaluation_task)
        steps = steps_of(self.platform, record, split, version)
        name = _name(split, version, chunk)
        try:
            with EVALUATE_SECONDS.time(), working(name):
                found = scored(record, learner, phi, episodes, (split, chunk), steps)
        except RunError as error:
            raise RunError(f"{name}, {error}") from error
        EVALUATED_TASKS.labels(split=split).inc(len(episodes))
        return found

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

    def _conclude(self, record: RunRecord, *, sends: bool) -> None:
        """Do what is next once some version was summed up: write the report or, if this ``sends``, ask for more scores.

        Who comes late does not send: of every message that comes twice there would be ever more.
        """
        for split, version in judging.due(self.platform, record)[:1]:
            if split == "test" and self._is_summed_up(record, split, version):
                self.platform.record.save_report(record.run, build_report(self.platform, record, version))
                self.platform.exchange.stop(record.run, RunStatus.COMPLETE)
                start_next(self.platform, keeps_checkpoints=False)
            elif sends:
                self.platform.exchange.touch(record.run, "evaluation")
                judging.send(self.platform, record, split, version)


def _name(split: str, version: int, chunk: int) -> str:
    return f"chunk {chunk} of {split} at version {version}"
