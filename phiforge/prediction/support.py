"""A support set as people have it: a folder of one folder a class, a mapping, or pictures and their labels."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import torch
from torch import Tensor

from phiforge.base.errors import DataError, TaskError
from phiforge.prediction.learned import Learned
from phiforge.prediction.pictures import Picture, inputs_of
from phiforge.tasks.datasets.bases.files import open_tree
from phiforge.tasks.datasets.bases.pictures.layout import layout
from phiforge.tasks.datasets.bases.problems import refusal

MOST_FILES = 100_000

Labelled = str | Path | Mapping[str, Picture | Iterable[Picture]] | Iterable[Picture]
"""A folder or an archive of one folder a class; pictures by label; or pictures alone, whose labels are given apart."""


class Support(NamedTuple):
    """Labelled inputs: ``x`` [n, channels, height, width], ``y`` [n] numbers of ``labels``, and what each is called."""

    x: Tensor
    y: Tensor
    labels: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def shots(self) -> int:
        """How many examples the class with the fewest has."""
        return int(torch.bincount(self.y, minlength=len(self.labels)).min())


def support_of(given: Labelled, learned: Learned, labels: Sequence[str] | None = None) -> Support:
    """Return labelled pictures as the network sees them, in order of label.

    Args:
        given: see ``Labelled``.
        learned: says how a picture becomes an input.
        labels: of each picture, if ``given`` does not say.

    Raises:
        DataError: if a picture cannot be used, or there is none.
        TaskError: if there are not as many labels as pictures.
    """
    if labels is not None:
        return _of_classes(_by_label(given, labels), learned)
    if isinstance(given, Mapping):
        return _of_classes({str(label): pictures for label, pictures in given.items()}, learned)
    if isinstance(given, str | Path):
        return _of_tree(Path(given), learned)
    raise TaskError("pictures alone have no labels: give labels=[...] beside them, a mapping, or a folder of classes")


def _by_label(given: Labelled, labels: Sequence[str]) -> Mapping[str, list[Picture]]:
    pictures = list(cast(Iterable[Picture], given))
    if len(pictures) != len(labels):
        raise TaskError(f"there are {len(pictures)} pictures and {len(labels)} labels: give one label for each")
    found: dict[str, list[Picture]] = {}
    for picture, label in zip(pictures, labels, strict=True):
        found.setdefault(str(label), []).append(picture)
    return found


def _of_classes(classes: Mapping[str, Picture | Iterable[Picture]], learned: Learned) -> Support:
    parts: list[Tensor] = []
    names: list[str] = []
    y: list[int] = []
    labels = tuple(sorted(classes))
    for number, label in enumerate(labels):
        inputs = inputs_of(classes[label], learned)
        parts.append(inputs.x)
        names += inputs.names
        y += [number] * len(inputs.x)
    if not parts:
        raise TaskError("the support set is empty: give at least one picture of each of two classes")
    return Support(torch.cat(parts), torch.tensor(y), labels, tuple(names))


def _of_tree(place: Path, learned: Learned) -> Support:
    """Return a folder, zip or tar of one folder a class, read by the rules for training pictures."""
    tree = open_tree(place)
    found = layout(tree.listing(MOST_FILES))
    if found.splits:
        raise DataError(f"{place} holds folders of splits, such as train and test: name one of them")
    if found.problems:
        raise refusal(place, found.problems)
    if not found.classes:
        raise DataError(f"{place} holds no class: expected one folder a class, with its pictures in it")
    label = {path: each.name for each in found.classes for path in each.pictures}
    contents = dict(tree.contents(list(label)))
    paths = sorted(label, key=lambda path: (label[path], path))
    names = [f"{place}/{path}" for path in paths]
    inputs = inputs_of([contents[path] for path in paths], learned, names)
    labels = tuple(sorted(set(label.values())))
    return Support(inputs.x, torch.tensor([labels.index(label[path]) for path in paths]), labels, inputs.names)
