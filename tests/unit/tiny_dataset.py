"""A dataset of a few random drawings, to sample episodes from."""

import numpy as np

from phiforge.tasks.datasets.bases.dataset import Dataset, SourceClass, TaskClass
from phiforge.tasks.pool import Pool

SIZE, DRAWINGS, CLASSES = 3, 6, 12
SPLIT_OF = {"train": range(6), "validation": range(6, 9), "test": range(9, 12)}


def tiny_dataset(turns=1):
    """Twelve classes of six drawings; every pixel of every drawing is different from its neighbours."""
    images = np.random.default_rng(0).integers(0, 256, (CLASSES * DRAWINGS, 1, SIZE, SIZE), np.uint8)
    images[:, 0, 0, 0] = np.arange(len(images))  # so that no two are the same
    return Dataset(
        "tiny",
        images,
        tuple(SourceClass(f"class {number}", number * DRAWINGS, DRAWINGS) for number in range(CLASSES)),
        {
            split: tuple(TaskClass(source, turn) for source in sources for turn in range(turns))
            for split, sources in SPLIT_OF.items()
        },
    )


TINY, TURNED = Pool(tiny_dataset()), Pool(tiny_dataset(turns=4))
