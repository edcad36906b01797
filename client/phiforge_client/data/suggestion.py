"""A spec for a person's own pictures: as much of a task as they carry, and defaults for pictures that come singly."""

import re
from collections.abc import Mapping
from statistics import median
from typing import Any, NamedTuple

import yaml

from phiforge.tasks.datasets.bases.dataset import SPLITS
from phiforge.tasks.datasets.bases.pictures.inspecting import Inspected
from phiforge.tasks.datasets.bases.pictures.judging import FEWEST

SHARE = 0.2
"""Of the classes, for validation and for testing each, if that is enough."""
_WAYS, _QUERIES = 5, 5
_SIZES = (28, 32, 48, 64)
"""Pixels a side; more takes long without a GPU."""
_COLOURED = 0.02
"""Share of coloured pictures from which colours are looked at."""


class Carried(NamedTuple):
    """What one split carries: its classes, and the fewest and the most pictures that one of them has."""

    split: str
    classes: int
    fewest: int
    most: int

    @property
    def most_shots(self) -> int:
        """The largest k_shot that leaves one picture of each class to be asked for."""
        return max(self.fewest - 1, 0)


def carried(found: Inspected) -> list[Carried]:
    """Return what each split carries; classes of too few pictures are not counted."""
    counts = {split: [len(each.pictures) for each in found.of(split)] for split in SPLITS}
    whole = {split: [count for count in of if count >= FEWEST] for split, of in counts.items()}
    return [Carried(split, len(of), min(of, default=0), max(of, default=0)) for split, of in whole.items()]


def share_of(classes: int) -> float:
    """Return which share of the classes validation, and testing, should have: enough for five ways, a third at most."""
    return SHARE if classes * SHARE >= _WAYS else round(min(_WAYS / max(classes, 1), 1 / 3), 3)


def suggestion(found: Inspected, share: float) -> dict[str, Any] | None:
    """Return a raw spec for these pictures; None if they carry no task at all.

    Args:
        found: what was seen of them.
        share: of the classes, for validation and for testing each.
    """
    carries = carried(found)
    ways, fewest = min(each.classes for each in carries), min(each.fewest for each in carries)
    if ways < 2 or fewest < FEWEST:
        return None
    return {
        "name": spec_name(found.place.name),
        "data": _data(found, share),
        "task": {"n_way": min(_WAYS, ways), "k_shot": 1, "n_query": min(_QUERIES, fewest - 1)},
        "learner": {"name": "prototypical", "network": {"name": "conv4", "channels": 64, "norm": "running"}},
        "estimator": {"name": "backpropagation"},
        "outer": {"versions": 1000, "meta_batch": 4, "job_size": 2, "lr": 0.001, "schedule": "cosine"},
        "checkpoint": {"every": 100},
        "evaluation": {"every": 200, "validation_tasks": 100, "test_tasks": 600},
    }


def as_yaml(spec: Mapping[str, Any], found: Inspected) -> str:
    """Return a suggested spec as a file, with what it was made from."""
    sections = yaml.safe_dump(dict(spec), sort_keys=False, default_flow_style=None, width=200, allow_unicode=True)
    of = f"{found.pictures} pictures of {len(found.classes)} classes"
    return (
        f"# ProtoNet on {of}, as `phiforge data inspect` suggests.\n"
        "# norm: running classifies each picture by itself, whatever other pictures are asked for with it.\n"
        f"{sections}"
    )


def _data(found: Inspected, share: float) -> dict[str, Any]:
    data: dict[str, Any] = {"name": "images", "colour": _colour(found), "image_size": _size(found)}
    data |= {"validation": share, "test": share}
    data |= {"unreadable": "skip"} if found.unreadable else {}
    return data | ({"duplicates": "keep_first"} if found.doubled else {})


def _colour(found: Inspected) -> str:
    return "rgb" if found.coloured > _COLOURED * max(len(found.sizes), 1) else "grey"


def _size(found: Inspected) -> int:
    side = median(min(size) for size in found.sizes.values())
    return max((size for size in _SIZES if size <= side), default=_SIZES[0])


def spec_name(folder: str) -> str:
    """Return the name of a folder or a file as a run may be called."""
    name = re.sub(r"[^a-z0-9]+", "-", folder.lower()).strip("-")[:40].strip("-")
    return name or "pictures"
