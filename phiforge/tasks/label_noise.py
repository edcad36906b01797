"""Wrong labels in support sets, by a name of their own: an episode's images are the same with and without."""

import numpy as np
from numpy.typing import NDArray

from phiforge.base.seeds import SeedPart, numpy_generator
from phiforge.spec.label_noise import wrong_shots
from phiforge.spec.task import Task


def wrong_labels(task: Task, share: float, episodes: int, *seed: SeedPart) -> NDArray[np.int64]:
    """Return the labels [episodes, n_way, wrong] that the last support examples of each class are given.

    Each is any other label of the task, all equally likely ("uniform flip", Ren et al. 2018). As the
    drawings of a class come in random order, its last ones are any.

    Args:
        task: the shape of the episodes, of two ways or more unless ``share`` is 0.
        share: of the support examples of each class; ``share * k_shot`` of them are wrong.
        episodes: how many.
        seed: names the episodes; the labels have a name of their own under it.

    Example::

        wrong_labels(Task(n_way=5, k_shot=5), 0.4, 10, "a seed").shape  # (10, 5, 2)
    """
    shape = (episodes, task.n_way, wrong_shots(task.k_shot, share))
    if not shape[2]:
        return np.empty(shape, dtype=np.int64)
    others = numpy_generator(*seed, "label noise").integers(1, task.n_way, size=shape)
    return (np.arange(task.n_way)[:, None] + others) % task.n_way
