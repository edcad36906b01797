"""What every dataset promises: the same images each time, in classes of which no two splits share any."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from phiforge.base.canonical import sha256_hex
from phiforge.base.settings import Settings
from phiforge.certify.proof import Figure, Proof, count
from phiforge.registry import PartConfig
from phiforge.registry.abilities import DataPart
from phiforge.spec.task import Task
from phiforge.tasks.datasets import build_source
from phiforge.tasks.datasets.bases.dataset import SPLITS, Dataset, SourceClass
from phiforge.tasks.pool import Pool
from phiforge.tasks.sampling import sample_batch

TASKS, WAYS = 3, 2
_IMAGE = 3
"""Dimensions of an image: channels, height, width."""
DRAWINGS = 2
"""Fewest images of a class: one to learn from, one to be judged by."""


def proofs(part: type[DataPart], settings: Settings) -> Iterator[Proof]:
    """Yield the proofs of a dataset with its defaults; raises DataError if it cannot be had here."""
    config = part.Config(name=part.name)
    dataset = build_source(config, settings).build()
    yield Proof("its fingerprint is the same each time", partial(same_fingerprint, config, settings))
    yield Proof("its images are the same each time", partial(same_images, config, settings, dataset))
    yield Proof("its images are of the shape that it says", partial(shapes, part, config, dataset))
    yield Proof("every split has classes, and shares none", partial(splits, dataset))
    yield Proof("classes have images of their own, two or more", partial(classes, dataset))
    yield Proof("tasks have every label as often, no image twice", partial(tasks, dataset))


def same_fingerprint(config: PartConfig, settings: Settings) -> Figure:
    """Count whether two looks at where it comes from differ."""
    first, second = (build_source(config, settings).fingerprint() for _ in range(2))
    return count([first != second, not first])


def same_images(config: PartConfig, settings: Settings, dataset: Dataset) -> Figure:
    """Count whether images, classes and splits differ when it is built again."""
    again = build_source(config, settings).build()
    hashes = [sha256_hex(np.ascontiguousarray(each.images).tobytes()) for each in (dataset, again)]
    return count([hashes[0] != hashes[1], dataset.catalogue != again.catalogue])


def shapes(part: type[DataPart], config: PartConfig, dataset: Dataset) -> Figure:
    """Count what is wrong with the images' type and shape."""
    shape = part.input_shape(config)
    dtype = np.uint8 if len(shape) == _IMAGE else np.float32
    return count([dataset.images.dtype != dtype, dataset.images.shape[1:] != shape])


def splits(dataset: Dataset) -> Figure:
    """Count the splits that have no class, and the source classes that are in two."""
    owned = [{each.source for each in dataset.splits.get(split, ())} for split in SPLITS]
    shared = sum(map(len, owned)) - len(set.union(*owned))
    return Figure(float(sum(not each for each in owned) + shared))


def classes(dataset: Dataset) -> Figure:
    """Count the classes that are too small, that share images, or whose images are not there."""
    ordered = sorted(dataset.classes, key=lambda each: each.first)
    wrong = [each.drawings < DRAWINGS or _end(each) > len(dataset.images) for each in ordered]
    return count([*wrong, *_overlaps(ordered)])


def tasks(dataset: Dataset) -> Figure:
    """Count the tasks of any split whose labels are not balanced, or that show an image twice."""
    return Figure(float(sum(_faulty(dataset, split) for split in SPLITS)))


def _faulty(dataset: Dataset, split: str) -> int:
    task = Task(n_way=min(WAYS, len(dataset.splits[split])), k_shot=1, n_query=1)
    batch = sample_batch(Pool(dataset), split, task, TASKS, "certify", split)
    shown = [np.unique(origin, axis=0) for origin in batch.origin]
    labels = np.arange(task.n_way)
    return sum(
        not np.array_equal(np.sort(batch.support_y[index]), labels) or len(shown[index]) != 2 * task.n_way
        for index in range(TASKS)
    )


def _overlaps(ordered: Sequence[SourceClass]) -> list[bool]:
    return [_end(before) > after.first for before, after in pairwise(ordered)]


def _end(each: SourceClass) -> int:
    return each.first + each.drawings
