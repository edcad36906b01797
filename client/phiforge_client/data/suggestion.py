"""A spec for a person's own pictures: as much of a task as they carry, and defaults for pictures that come singly."""

import re
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any, NamedTuple

import yaml

from phiforge.tasks.datasets.bases.dataset import SPLITS
from phiforge.tasks.datasets.bases.pictures.inspecting import Inspected
from phiforge.tasks.datasets.bases.pictures.judging import FEWEST
from phiforge_client.data.budget import Budget, typical_seconds

SHARE = 0.2
"""Of the classes, for validation and for testing each, if that is enough."""
_WAYS, _QUERIES = 5, 5
_TRAINED_WAYS = 20
"""Classes of a training task: more than are asked for, as a harder task teaches to compare better."""
SecondsOf = Callable[[Mapping[str, Any]], float]
_SIZES = (64, 48, 32, 28)
"""Pixels a side, the finest first; more takes long without a GPU."""
_ENOUGH = 3000
"""Versions that a run should have: of finer images it sees fewer tasks in the same time."""
_MANY = 6
"""Classes that give each split two."""
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


def suggestion(
    found: Inspected, share: float, budget: Budget | None = None, seconds: SecondsOf = typical_seconds
) -> dict[str, Any] | None:
    """Return a raw spec for these pictures; None if they carry no task at all.

    Args:
        found: what was seen of them.
        share: of the classes, for validation and for testing each.
        budget: how long its run may take.
        seconds: says how long a version of a spec takes.
    """
    carries = carried(found)
    ways, fewest = min(each.classes for each in carries), min(each.fewest for each in carries)
    if ways < 2 or fewest < FEWEST:
        return None
    trained = next(each.classes for each in carries if each.split == "train")
    spec: dict[str, Any] = {
        "name": spec_name(found.place.name),
        "data": _data(found, share),
        "task": _task(min(_TRAINED_WAYS, trained), fewest),
        "learner": {"name": "prototypical", "network": {"name": "conv4", "channels": 64, "norm": "running"}},
        "estimator": {"name": "backpropagation"},
        "outer": {"versions": 1000, "meta_batch": 2, "job_size": 1, "lr": 0.001, "schedule": "cosine"},
        "sampling": {"augmentation": "turn"},
    }
    budget = (budget or Budget()).shared_by(spec["outer"]["meta_batch"] // spec["outer"]["job_size"])
    spec["data"]["image_size"] = _size(found, spec, budget)
    versions = budget.versions(seconds(spec))
    judged = _task(min(_WAYS, ways), fewest)
    return spec | {
        "outer": spec["outer"] | {"versions": versions},
        "checkpoint": {"every": versions // 10},
        "evaluation": {"every": versions // 10, "validation_tasks": 200, "test_tasks": 600, "task": judged},
    }


def no_task(of: str) -> str:
    """Say why nothing was suggested for pictures, or whatever else a class has several ``of``."""
    return (
        f"they carry no task: each split needs 2 classes or more, of {FEWEST} {of} or more each; "
        f"give {_MANY} classes or more"
    )


def _task(ways: int, fewest: int) -> dict[str, Any]:
    return {"n_way": ways, "k_shot": 1, "n_query": min(_QUERIES, fewest - 1)}


def as_yaml(spec: Mapping[str, Any], found: Inspected, made_by: str = "phiforge data inspect") -> str:
    """Return a suggested spec as a file, with what it was made from, and by which command."""
    sections = yaml.safe_dump(dict(spec), sort_keys=False, default_flow_style=None, width=200, allow_unicode=True)
    of = f"{found.pictures} pictures of {len(found.classes)} classes"
    return (
        f"# ProtoNet on {of}, as `{made_by}` suggests.\n"
        "# norm: running classifies each picture by itself, whatever other pictures are asked for with it.\n"
        f"{sections}"
    )


def _data(found: Inspected, share: float) -> dict[str, Any]:
    data: dict[str, Any] = {"name": "images", "colour": _colour(found)}
    data |= {"validation": share, "test": share}
    data |= {"unreadable": "skip"} if found.unreadable else {}
    return data | ({"duplicates": "keep_first"} if found.doubled else {})


def _colour(found: Inspected) -> str:
    return "rgb" if found.coloured > _COLOURED * max(len(found.sizes), 1) else "grey"


def _size(found: Inspected, spec: Mapping[str, Any], budget: Budget) -> int:
    """Return the finest size that most pictures have and the budget lets enough versions be of."""
    side = median(min(size) for size in found.sizes.values())
    for size in (each for each in _SIZES if each <= side):
        fine = {**spec, "data": {**spec["data"], "image_size": size}}
        if budget.versions(typical_seconds(fine)) >= _ENOUGH:
            return size
    return _SIZES[-1]


def spec_name(folder: str) -> str:
    """Return the name of a folder or a file as a run may be called."""
    name = re.sub(r"[^a-z0-9]+", "-", folder.lower()).strip("-")[:40].strip("-")
    return name or "pictures"
