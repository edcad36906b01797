"""From a dataset to episodes: class-balanced, without replacement, named by a seed, many at once."""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from phiforge.base.seeds import SeedPart, numpy_generator
from phiforge.spec.run import RunSpec
from phiforge.spec.task import Task
from phiforge.tasks.episodes import EpisodeBatch
from phiforge.tasks.label_noise import wrong_labels
from phiforge.tasks.pool import AUGMENTATIONS, MIRROR, Pool

Integers = NDArray[np.int64]


class Drawn(NamedTuple):
    """What episodes are made of: the origin of their images [episodes, n_way, drawings, 2], classes [episodes, n_way].

    Of each class the first ``k_shot`` drawings are its support, the others its query.
    """

    origin: NDArray[np.int32]
    classes: Integers


def training_seed(spec: RunSpec, version: int, job: int) -> tuple[SeedPart, ...]:
    """Name the episodes that ``job`` takes in the step from ``version``."""
    return (spec.seed, "train", version, job)


def sample_batch(
    pool: Pool,
    split: str,
    task: Task,
    episodes: int,
    *seed: SeedPart,
    augmentation: str = "none",
    noise: float = 0.0,
) -> EpisodeBatch:
    """Return ``episodes`` episodes of ``split``; equal arguments give equal episodes on any machine.

    Labels are the order in which an episode's classes were drawn; support and query never share an image. With an
    ``augmentation`` each class is turned or mirrored by chance, and then a class of its own beyond those of the split.
    The turn in an episode's origin is in quarters, and four more if the image was then mirrored. With ``noise``, that
    share of the support examples of each class has a wrong label, and these come last; which class each is of is in
    ``truth``.
    """
    origin, classes = draw(pool.table(split), task, episodes, *seed, augmentation=augmentation)
    wrong = wrong_labels(task, noise, episodes, *seed)
    right = task.k_shot - wrong.shape[2]
    *supports, query = (_flat(part) for part in np.split(origin, [right, task.k_shot], axis=2))
    support = np.concatenate(supports, axis=1)
    rights = _labels(task.n_way, right, episodes)
    return EpisodeBatch(
        support_x=pool.images(support),
        support_y=np.concatenate([rights, wrong.reshape(episodes, -1)], axis=1),
        query_x=pool.images(query),
        query_y=_labels(task.n_way, task.n_query, episodes),
        classes=classes,
        origin=np.concatenate([support, query], axis=1),
        truth=np.concatenate([rights, _labels(task.n_way, wrong.shape[2], episodes)], axis=1) if wrong.size else None,
    )


def draw(table: Integers, task: Task, episodes: int, *seed: SeedPart, augmentation: str = "none") -> Drawn:
    """Return what ``sample_batch`` makes its episodes of, from the ``table`` of a split (``pool.table_of``)."""
    generator, count = numpy_generator(*seed), table.shape[1]
    classes = without_replacement(generator, np.full(episodes, count), task.n_way)
    further = np.array(AUGMENTATIONS[augmentation])
    chosen = generator.integers(len(further), size=classes.shape) if len(further) > 1 else np.zeros_like(classes)
    first, drawings, turns = table[:, classes]
    drawn = without_replacement(generator, drawings.ravel(), task.drawings).reshape(*classes.shape, -1)
    origin = np.empty((*drawn.shape, 2), dtype=np.int32)
    origin[..., 0] = first[..., None] + drawn
    origin[..., 1] = _turned(turns, further[chosen])[..., None]
    return Drawn(origin, classes + chosen * count)


def _turned(turns: Integers, further: Integers) -> Integers:
    """Return ``turns`` with ``further`` quarters, and mirrored after that where ``further`` says so."""
    return (turns + further) % MIRROR + MIRROR * (further // MIRROR)


def without_replacement(generator: Generator, sizes: Integers, count: int) -> Integers:
    """Return [rows, count]: of each row, ``count`` different numbers below its size, every order equally likely.

    The first ``count`` swaps of a Fisher-Yates shuffle (Knuth, The Art of Computer Programming, section 3.4.2,
    algorithm P), in all rows at once.
    """
    rows = np.arange(len(sizes))
    numbers = np.tile(np.arange(sizes.max()), (len(sizes), 1))
    swaps = generator.integers(np.arange(count), sizes[:, None], size=(len(sizes), count))
    for place, swap in enumerate(swaps.T):
        numbers[rows, swap], numbers[:, place] = numbers[:, place].copy(), numbers[rows, swap]
    return np.ascontiguousarray(numbers[:, :count])


def _flat(origin: NDArray[np.int32]) -> NDArray[np.int32]:
    """Merge the axes of class and drawing: [episodes, n_way, drawings, 2] -> [episodes, n_way * drawings, 2]."""
    return np.ascontiguousarray(origin.reshape(len(origin), -1, 2))


def _labels(n_way: int, examples: int, episodes: int) -> Integers:
    return np.tile(np.repeat(np.arange(n_way, dtype=np.int64), examples), (episodes, 1))
