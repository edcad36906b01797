"""The sampler service: writes the episodes that are asked for to object storage."""

from functools import partial

from phiforge.base.errors import DataError, FormatError, MissingObjectError, RunError
from phiforge.base.fault_points import reach
from phiforge.base.metrics import SAMPLE_SECONDS, SAMPLED_EPISODES
from phiforge.fleet.fit import check_judged, check_step
from phiforge.fleet.memory import keep_freed_memory
from phiforge.fleet.messages import RETAIN, SAMPLE_EVALUATION, SAMPLE_TRAINING
from phiforge.fleet.platform import Platform
from phiforge.fleet.service import serve
from phiforge.fleet.supervision import Asked, Supervision, Work
from phiforge.fleet.working import working
from phiforge.registry import FAMILIES
from phiforge.runs.consistency.protocols import protocol_of
from phiforge.runs.datasets import load
from phiforge.runs.episode_deletion import delete_episodes
from phiforge.runs.keys import evaluation_episodes_key, training_episodes_key
from phiforge.runs.outcomes import Outcome
from phiforge.runs.record import RunStatus
from phiforge.runs.submitted import RunRecord
from phiforge.tasks.episodes import EpisodeBatch
from phiforge.tasks.families import build_family
from phiforge.tasks.pool import Pool
from phiforge.tasks.sampling import sample_batch, training_seed
from phiforge_sampler.pools import Pools


class Sampler:
    """Draws episodes; the same message always gives the same bytes, so doubled messages do no harm."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self._supervision = Supervision(platform, "sampling")
        self.pool = Pools(self._load)
        self._newest = ("", -1)

    def sample_training(self, run: str, version: int, sent_at: float) -> None:
        """Write the episodes of every job of ``version`` that are not there yet; none of a version that is past.

        Raises MessageError if the run has no step from it.
        """
        work = f"sampling version {version}"

        def plan(record: RunRecord) -> Work:
            check_step(record, version)
            return Work("sampling", working(work)(partial(self._sample_version, record, version)))

        put_back = partial(self.platform.queue.sample_training, run, version)
        self._supervision.supervise(Asked(SAMPLE_TRAINING, run, work, put_back), plan)

    def sample_evaluation(self, run: str, split: str, chunk: int, sent_at: float) -> None:
        """Write one chunk of the fixed episodes of ``split``, unless it is there.

        Raises MessageError if the run has no such chunk.
        """
        work = f"sampling chunk {chunk} of {split}"

        def plan(record: RunRecord) -> Work:
            check_judged(record, split, chunk)
            return Work("sampling", working(work)(partial(self._sample_chunk, record, split, chunk)))

        put_back = partial(self.platform.queue.sample_evaluation, run, split, chunk)
        self._supervision.supervise(Asked(SAMPLE_EVALUATION, run, work, put_back), plan)

    def retain(self, run: str, sent_at: float) -> None:
        """Delete training episodes that ``run`` does not need any more; raises MessageError if there is no such run."""

        def plan(record: RunRecord) -> Work:
            return Work(None, partial(self._delete_episodes, record))

        put_back = partial(self.platform.queue.retain, run)
        self._supervision.supervise(Asked(RETAIN, run, "deleting episodes", put_back), plan)

    def training_batch(self, record: RunRecord, version: int, job: int) -> EpisodeBatch:
        """Return the episodes of one job, drawn again: the same bytes as ever.

        Raises DataError, FormatError or MissingObjectError if the dataset cannot be read.
        """
        return self._sample(record, "train", training_seed(record.spec, version, job))

    def _sample_version(self, record: RunRecord, version: int) -> Outcome:
        """Write what is missing: all, right after the version before, and to write some again is to write the same."""
        run, jobs = record.run, range(record.spec.outer.jobs)
        if not self._is_to_come(record, version):
            return Outcome.STALE
        is_next = self._newest == (run, version - 1)
        missing = jobs if is_next else self.platform.record.missing_episodes(run, version, jobs)
        for job in missing:
            seed = training_seed(record.spec, version, job)
            self._write(training_episodes_key(run, version, job), record, "train", seed)
            reach("sampler.wrote")
        self._newest = (run, version)
        return Outcome.PUBLISHED if missing else Outcome.DUPLICATE

    def _sample_chunk(self, record: RunRecord, split: str, chunk: int) -> Outcome:
        key = evaluation_episodes_key(record, split, chunk)
        if self.platform.store.exists(key):
            return Outcome.DUPLICATE
        self._write(key, record, split, (record.spec.evaluation.seed, "evaluation", split, chunk))
        return Outcome.PUBLISHED

    def _delete_episodes(self, record: RunRecord) -> Outcome:
        delete_episodes(self.platform, record.run)
        return Outcome.PUBLISHED

    def _is_to_come(self, record: RunRecord, version: int) -> bool:
        """Say whether a trainer may still ask for ``version``: a late message must not leave episodes for good."""
        state = self.platform.exchange.state(record.run)
        if state is None:
            return self.platform.record.status(record.run) is RunStatus.RUNNING
        if state.status is not RunStatus.RUNNING:
            return False
        return protocol_of(self.platform, record).wants_episodes(record, state, version)

    def _write(self, key: str, record: RunRecord, split: str, seed: tuple[int | str, ...]) -> None:
        with SAMPLE_SECONDS.time():
            try:
                batch = self._sample(record, split, seed)
            except (DataError, FormatError, MissingObjectError) as error:
                raise RunError(f"its dataset cannot be sampled: {error}") from error
            self.platform.store.put(key, batch.to_bytes())
        SAMPLED_EPISODES.labels(split=split).inc(len(batch))

    def _sample(self, record: RunRecord, split: str, seed: tuple[int | str, ...]) -> EpisodeBatch:
        spec, training = record.spec, split == "train"
        task = spec.task if training else spec.evaluation_task
        episodes = spec.outer.job_tasks if training else spec.evaluation.chunk_size
        if spec.data.name in FAMILIES:
            return build_family(spec.data).sample(split, task, episodes, *seed)
        by = spec.sampling.augmentation if training else "none"
        noise = spec.sampling.label_noise if training else spec.evaluation_noise
        pool = self.pool(record.dataset)
        return sample_batch(pool, split, task, episodes, *seed, augmentation=by, noise=noise)

    def _load(self, digest: str) -> Pool:
        return Pool(load(digest, self.platform.store))


def run(platform: Platform) -> None:
    """Serve the sampling queue until told to stop."""
    keep_freed_memory()
    sampler = Sampler(platform)
    platform.queue.handle(SAMPLE_TRAINING, sampler.sample_training)
    platform.queue.handle(SAMPLE_EVALUATION, sampler.sample_evaluation)
    platform.queue.handle(RETAIN, sampler.retain)
    serve(platform, "sampling")
