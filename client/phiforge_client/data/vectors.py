"""``phiforge data inspect`` of a file of vectors: what is wrong with them, what they carry, a spec for them."""

from pathlib import Path
from typing import Any, NamedTuple

import yaml
from rich.console import Console
from rich.table import Table as Shown

from phiforge.base.errors import DataError, SpecError
from phiforge.spec.checks import DatasetFacts
from phiforge.spec.read import parse_spec
from phiforge.tasks.datasets.bases.vectors.judging import (
    FEWEST,
    Shares,
    classes_of,
    problems_of,
    repeated,
    sizes_of,
    split_of,
)
from phiforge.tasks.datasets.bases.vectors.reading import read_vectors
from phiforge_client.data.suggestion import Carried, share_of, spec_name
from phiforge_client.table import whole

_WAYS, _QUERIES = 5, 5


class InspectedVectors(NamedTuple):
    """What was found in a file, what each split carries, and a raw spec for it, if it carries any task."""

    place: Path
    vectors: int
    dimensions: int
    classes: int
    repeated: int
    problems: list[str]
    carries: list[Carried]
    spec: dict[str, Any] | None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        carries = [each._asdict() | {"most_shots": each.most_shots} for each in self.carries]
        return self._asdict() | {"place": str(self.place), "carries": carries}


def inspect_vectors(place: Path) -> InspectedVectors:
    """Look at all vectors of a file; raises DataError if it cannot be read."""
    table = read_vectors(place)
    classes = classes_of(table)
    problems, share = list(problems_of(table, classes)), share_of(len(classes))
    carries: list[Carried] = []
    try:
        sizes = sizes_of(split_of(table, classes, Shares(share, share, 0)), classes)
        carries = [Carried(split, len(of), min(of, default=0), max(of, default=0)) for split, of in sizes.items()]
    except DataError as error:
        problems.append(str(error))
    count, dimensions = table.features.shape
    spec = None if problems else _suggestion(place, dimensions, carries, share)
    if spec and (refused := _refused(spec, carries)):
        spec, problems = None, refused
    return InspectedVectors(place, count, dimensions, len(classes), repeated(table), problems, carries, spec)


def print_vectors(console: Console, found: InspectedVectors) -> None:
    """Print what was found, line by line; then what each split carries."""
    lines = [f"{found.place}: {found.vectors} vectors of {found.dimensions} numbers, in {found.classes} classes"]
    lines += [f"problem: {each}" for each in found.problems]
    lines += [f"note: {found.repeated} of them are there before already"] if found.repeated else []
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    shown = Shown("split", "classes", "vectors", "largest k_shot", box=None)
    for each in found.carries:
        shown.add_row(each.split, str(each.classes), f"{each.fewest} to {each.most} each", str(each.most_shots))
    whole(console).print(shown, highlight=False)


def spec_text(found: InspectedVectors) -> str:
    """Return the suggested spec as a file, with what it was made from."""
    sections = yaml.safe_dump(found.spec, sort_keys=False, default_flow_style=None, width=200, allow_unicode=True)
    return f"# ProtoNet on {found.vectors} vectors of {found.classes} classes, by `phiforge data inspect`.\n{sections}"


def _refused(spec: dict[str, Any], carries: list[Carried]) -> list[str]:
    """Return why `submit` would refuse a suggested spec."""
    facts = DatasetFacts({each.split: each.classes for each in carries}, {each.split: each.fewest for each in carries})
    try:
        parse_spec(spec, lambda _: facts)
    except SpecError as error:
        return error.problems
    return []


def _suggestion(place: Path, dimensions: int, carries: list[Carried], share: float) -> dict[str, Any] | None:
    ways, fewest = min(each.classes for each in carries), min(each.fewest for each in carries)
    if ways < 2 or fewest < FEWEST:
        return None
    return {
        "name": spec_name(place.stem),
        "data": {"name": "features", "dimensions": dimensions, "validation": share, "test": share},
        "task": {"n_way": min(_WAYS, ways), "k_shot": 1, "n_query": min(_QUERIES, fewest - 1)},
        "learner": {"name": "prototypical", "network": {"name": "mlp", "width": 128, "layers": 1}},
        "estimator": {"name": "backpropagation"},
        "outer": {"versions": 1000, "meta_batch": 4, "job_size": 2, "lr": 0.001, "schedule": "cosine"},
        "checkpoint": {"every": 100},
        "evaluation": {"every": 200, "validation_tasks": 100, "test_tasks": 600},
    }
