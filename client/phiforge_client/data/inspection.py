"""``phiforge data inspect``: what is in a folder of pictures, and what may be learned from it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from phiforge.base.errors import DataError
from phiforge.base.settings import Settings
from phiforge.spec.checks import DatasetFacts
from phiforge.spec.read import parse_spec
from phiforge.tasks.datasets.bases.dataset import Progress
from phiforge.tasks.datasets.bases.pictures.inspecting import Inspected
from phiforge.tasks.datasets.images import Images, ImagesData
from phiforge_client.data.budget import Budget, typical_seconds
from phiforge_client.data.sheet import shown_classes, write_sheet
from phiforge_client.data.suggestion import Carried, SecondsOf, carried, no_task, share_of, suggestion

_LOOKED_AT = 32
"""Pixels a side at which all pictures are looked at."""


class Inspection(NamedTuple):
    """What was found, what each split carries, and a raw spec for it, if it carries any task."""

    found: Inspected
    carries: list[Carried]
    spec: dict[str, Any] | None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        found = self.found._asdict() | {
            "place": str(self.found.place),
            "classes": [each._asdict() for each in self.found.classes],
            "sizes": {path: list(size) for path, size in self.found.sizes.items()},
        }
        carries = [each._asdict() | {"most_shots": each.most_shots} for each in self.carries]
        return found | {"carries": carries, "spec": self.spec}


def inspect(
    settings: Settings,
    place: Path | None,
    progress: Progress | None = None,
    labels: str = "",
    group_by: int | str = 0,
    budget: Budget | None = None,
    seconds: SecondsOf = typical_seconds,
) -> Inspection:
    """Look at all pictures of ``place``, or else of ``PHIFORGE_IMAGES``.

    ``labels`` and ``group_by`` are those of data ``images``. ``budget`` is how long a run of the suggested spec may
    take, by the ``seconds`` that a version takes.

    Raises DataError if there is no picture of any class, or a spec cannot be suggested that would be accepted.
    """
    settings = settings.model_copy(update={"images": place}) if place else settings
    asked: dict[str, Any] = {"labels": labels, "group_by": group_by}
    share = share_of(_source(settings, asked, _silent).classes)
    data = {"colour": "rgb", "image_size": _LOOKED_AT, "validation": share, "test": share} | asked
    found = _source(settings, data, _without_remarks(progress)).inspect()
    spec = suggestion(found, share, budget, seconds)
    if spec:
        spec["data"] |= {name: value for name, value in asked.items() if value}
        parse_spec(spec, lambda _: _facts(found))
    return Inspection(found, carried(found), spec)


def write_contact_sheet(settings: Settings, inspection: Inspection, file: Path) -> int:
    """Write a PNG of some pictures of each class as the network of the suggested spec sees them.

    Returns how many classes are on it. Raises DataError if the pictures carry no task, so that no spec says how they
    are seen.
    """
    found, spec = inspection.found, inspection.spec
    if spec is None:
        raise DataError(f"there is no sheet of the pictures of {found.place}, as {no_task('pictures')}")
    settings = settings.model_copy(update={"images": found.place})
    classes = shown_classes(found)
    write_sheet(file, _source(settings, spec["data"], _silent), classes)
    return len(classes)


def _source(settings: Settings, data: Mapping[str, Any], progress: Progress | None) -> Images:
    """Return the pictures as a spec's section ``data`` has them; raises DataError if that cannot be."""
    try:
        config = ImagesData.model_validate(data)
    except ValidationError as error:
        raise DataError("; ".join(each["msg"].removeprefix("Value error, ") for each in error.errors())) from None
    return Images(config, settings, progress)


def _facts(found: Inspected) -> DatasetFacts:
    carries = carried(found)
    return DatasetFacts({each.split: each.classes for each in carries}, {each.split: each.fewest for each in carries})


def _without_remarks(progress: Progress | None) -> Progress:
    """Return who is told how far reading is, and not what is left out: that is part of the answer."""

    def report(what: str, done: int, total: int) -> None:
        if progress and total:
            progress(what, done, total)

    return report


def _silent(what: str, done: int, total: int) -> None:
    """Say nothing: it was said before."""
