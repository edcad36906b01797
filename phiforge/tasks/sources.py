"""Which source images an episode was made of, and back: what ``EpisodeBatch.origin`` says, in words."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from phiforge.spec.run import RunSpec
from phiforge.tasks.datasets.bases.dataset import Catalogue
from phiforge.tasks.episodes import EpisodeBatch
from phiforge.tasks.label_noise import wrong_labels
from phiforge.tasks.pool import MIRROR, table_of
from phiforge.tasks.sampling import draw, training_seed


class Item(NamedTuple):
    """One example of an episode: image number ``drawing`` of its class, the dataset's number ``image``.

    ``quarter_turns`` says by how many times 90 degrees it was turned, ``mirrored`` if it was then mirrored; ``file``
    is what the image was made from, '' if that is not known; ``labelled`` is the class that it was wrongly said to be
    of, '' if its label was right.
    """

    name: str
    drawing: int
    image: int
    quarter_turns: int
    mirrored: bool
    file: str = ""
    labelled: str = ""


class Sources(NamedTuple):
    """The examples of one episode, in its order: those F_φ learned from, and those that judged what it made of them."""

    support: list[Item]
    query: list[Item]


def sources(catalogue: Catalogue, batch: EpisodeBatch) -> list[Sources]:
    """Return what each episode of a ``batch`` of training was made of; a regression's is made of nothing."""
    return [_sources(catalogue, batch, index) for index in range(len(batch))]


def _sources(catalogue: Catalogue, batch: EpisodeBatch, index: int) -> Sources:
    support, origin = batch.support_x.shape[1], batch.origin[index]
    if not len(origin):
        return Sources([], [])
    items = [_item(catalogue, each) for each in origin]
    if batch.truth is not None:
        for place in np.flatnonzero(batch.truth[index] != batch.support_y[index]):
            name = _name(catalogue, batch.classes[index][batch.support_y[index][place]])
            items[place] = items[place]._replace(labelled=name)
    return Sources(items[:support], items[support:])


class Appearance(NamedTuple):
    """Where an image was shown: in which episode of the step to ``version``, as ``support`` or ``query``."""

    version: int
    job: int
    episode: int
    role: str
    item: Item


def appearances(
    spec: RunSpec, catalogue: Catalogue, version: int, images: Sequence[int], jobs: Sequence[tuple[int, int]]
) -> Iterator[Appearance]:
    """Yield where the dataset's ``images`` took part in the step to ``version``. No image is read.

    Args:
        spec: of the run whose step it is.
        catalogue: the classes of its dataset.
        version: the version that the step led to.
        images: numbers of images in the dataset.
        jobs: (version, job) of each job that the version is made of, in order; appearances number jobs by this order.
    """
    by, table = spec.sampling.augmentation, table_of(catalogue, "train")
    task, episodes = spec.task, spec.outer.job_tasks
    for place, job in enumerate(jobs):
        seed = training_seed(spec, *job)
        origins, classes = draw(table, task, episodes, *seed, augmentation=by)
        wrong = wrong_labels(task, spec.sampling.label_noise, episodes, *seed)
        right = task.k_shot - wrong.shape[2]
        for episode, row, drawing in np.argwhere(np.isin(origins[..., 0], images)):
            item = _item(catalogue, origins[episode, row, drawing])
            if right <= drawing < task.k_shot:
                label = wrong[episode, row, drawing - right]
                item = item._replace(labelled=_name(catalogue, classes[episode, label]))
            role = "support" if drawing < task.k_shot else "query"
            yield Appearance(version, place, int(episode), role, item)


def _name(catalogue: Catalogue, number: np.int64) -> str:
    """Return what a class of training tasks is called; beyond those of the split are their mirror images."""
    classes = catalogue.splits["train"]
    return catalogue.classes[classes[int(number) % len(classes)].source].name


def _item(catalogue: Catalogue, origin: NDArray[np.int32]) -> Item:
    image, turn = (int(each) for each in origin)
    source = catalogue.classes[bisect_right(catalogue.classes, image, key=attrgetter("first")) - 1]
    file = catalogue.files[image] if catalogue.files else ""
    return Item(source.name, image - source.first, image, turn % MIRROR, turn >= MIRROR, file)
