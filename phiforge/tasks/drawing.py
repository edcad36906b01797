"""The tasks of a spec, drawn where they are needed: the same as a fleet's samplers draw, without storage."""

from collections.abc import Iterator

import torch

from phiforge.base.seeds import SeedPart
from phiforge.base.settings import Settings
from phiforge.registry import DATA
from phiforge.spec.run import RunSpec
from phiforge.spec.task import Task
from phiforge.tasks.datasets import build_source
from phiforge.tasks.episodes import Episode, EpisodeBatch
from phiforge.tasks.families import build_family
from phiforge.tasks.pool import AUGMENTATIONS, Pool
from phiforge.tasks.sampling import sample_batch, training_seed


class Tasks:
    """The training and the judged tasks of a spec; a dataset is collected once, when this is made.

    Args:
        spec: the run whose tasks they are.
        settings: where this process finds datasets; by default what needs none can be had.
        pool: the dataset, if it is at hand already.

    Raises DataError if the dataset cannot be had.

    Example::

        tasks = Tasks(RunSpec.model_validate({"data": {"name": "sinusoid"}, "task": {"n_way": 1}}))
        tasks.training(0, 0)  # the episodes of job 0 of the step from version 0
    """

    def __init__(self, spec: RunSpec, settings: Settings | None = None, pool: Pool | None = None) -> None:
        self.spec = spec
        self._pool = pool or _pool_of(spec, settings or Settings())

    @property
    def train_classes(self) -> int:
        """How many classes training tasks are drawn from; one that is turned or mirrored is one of its own."""
        classes = len(self._pool.dataset.splits["train"]) if self._pool else 0
        return classes * len(AUGMENTATIONS[self.spec.sampling.augmentation])

    def training(self, version: int, job: int) -> list[Episode]:
        """Return the episodes that ``job`` takes in the step from ``version``."""
        spec, seed = self.spec, training_seed(self.spec, version, job)
        by, noise = spec.sampling.augmentation, spec.sampling.label_noise
        batch = self._batch("train", spec.task, spec.outer.job_tasks, *seed, augmentation=by, noise=noise)
        return self._episodes(batch)

    def judged(self, split: str = "validation") -> Iterator[list[Episode]]:
        """Yield the fixed episodes of ``split``, chunk by chunk."""
        judging = self.spec.evaluation
        tasks = judging.test_tasks if split == "test" else judging.validation_tasks
        for chunk, first in enumerate(range(0, tasks, judging.chunk_size)):
            yield self._episodes(self.judged_batch(split, chunk))[: tasks - first]

    def judged_batch(self, split: str, chunk: int) -> EpisodeBatch:
        """Return a chunk of the fixed episodes of ``split`` as it is stored; the last may hold more than are judged."""
        spec, judging = self.spec, self.spec.evaluation
        seed = (judging.seed, "evaluation", split, chunk)
        return self._batch(split, spec.evaluation_task, judging.chunk_size, *seed, noise=spec.evaluation_noise)

    def _batch(
        self, split: str, task: Task, episodes: int, *seed: SeedPart, augmentation: str = "none", noise: float = 0.0
    ) -> EpisodeBatch:
        if self._pool is None:
            return build_family(self.spec.data).sample(split, task, episodes, *seed)
        return sample_batch(self._pool, split, task, episodes, *seed, augmentation=augmentation, noise=noise)

    def _episodes(self, batch: EpisodeBatch) -> list[Episode]:
        dtype = torch.float64 if self.spec.numerics.kept == "float64" else torch.float32
        return list(batch.episodes(dtype=dtype))


def _pool_of(spec: RunSpec, settings: Settings) -> Pool | None:
    """Return the images that tasks are made of; None of a family, whose tasks are drawn from a formula."""
    return Pool(build_source(spec.data, settings).build()) if DATA[spec.data.name].published else None
