"""From a dataset to episodes: class-balanced, without replacement, named by a seed."""

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from phiforge.episodes import EpisodeBatch
from phiforge.randomness import SeedPart, numpy_generator
from phiforge.spec.task import Task
from sampler.datasets import Dataset

_Scalar = TypeVar("_Scalar", bound=np.generic)


class _Drawn(NamedTuple):
    """One episode: images [n_way, drawings, channels, height, width], their origin [n_way, drawings, 2], classes."""

    images: NDArray[np.uint8]
    origin: NDArray[np.int32]
    classes: NDArray[np.int64]


def sample_batch(
    dataset: Dataset, split: str, task: Task, episodes: int, *seed: SeedPart, mirror: bool = False
) -> EpisodeBatch:
    """Return ``episodes`` episodes of ``split``; equal arguments give equal episodes on any machine.

    Labels are the order in which an episode's classes were drawn; support and query never share an image. With
    ``mirror``, each class is by a coin its mirror image, a class of its own beyond those of the split.
    """
    drawn = [_draw(dataset, split, task, numpy_generator(*seed, index), mirror=mirror) for index in range(episodes)]
    images = np.stack([episode.images for episode in drawn])
    origin = np.stack([episode.origin for episode in drawn])
    support, query = slice(0, task.k_shot), slice(task.k_shot, None)
    return EpisodeBatch(
        support_x=_flat(images[:, :, support]),
        support_y=_labels(task.n_way, task.k_shot, episodes),
        query_x=_flat(images[:, :, query]),
        query_y=_labels(task.n_way, task.n_query, episodes),
        classes=np.stack([episode.classes for episode in drawn]),
        origin=np.concatenate([_flat(origin[:, :, support]), _flat(origin[:, :, query])], axis=1),
    )


def _draw(dataset: Dataset, split: str, task: Task, generator: Generator, *, mirror: bool) -> _Drawn:
    """Draw one episode; the turn in its origin is in quarters, and four more if the image was then mirrored."""
    classes = dataset.splits[split]
    chosen = generator.choice(len(classes), size=task.n_way, replace=False)
    mirrored = generator.integers(2, size=task.n_way) if mirror else np.zeros(task.n_way, dtype=np.int64)
    images, origin = [], []
    for index, flip in zip(chosen, mirrored, strict=True):
        task_class = classes[index]
        source = dataset.classes[task_class.source]
        drawings = source.first + generator.choice(source.drawings, size=task.drawings, replace=False)
        turned = np.rot90(dataset.images[drawings], task_class.quarter_turns, axes=(2, 3))
        images.append(np.flip(turned, axis=3) if flip else turned)
        origin.append(np.stack([drawings, np.full_like(drawings, task_class.quarter_turns + 4 * flip)], axis=1))
    return _Drawn(np.stack(images), np.stack(origin).astype(np.int32), chosen + mirrored * len(classes))


def _flat(array: NDArray[_Scalar]) -> NDArray[_Scalar]:
    """Merge the axes of class and drawing: [episodes, n_way, drawings, ...] -> [episodes, n_way * drawings, ...]."""
    return np.ascontiguousarray(array.reshape(array.shape[0], -1, *array.shape[3:]))


def _labels(n_way: int, examples: int, episodes: int) -> NDArray[np.int64]:
    return np.tile(np.repeat(np.arange(n_way, dtype=np.int64), examples), (episodes, 1))
