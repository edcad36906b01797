"""What the parts of a study must be to each other and to the run spec, as far as no search is needed to tell."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from phiforge.base.errors import SpecError
from phiforge.base.nearest import did_you_mean
from phiforge.registry import DATA, SCORES
from phiforge.spec.checks import always
from phiforge.spec.read import sections
from phiforge.spec.run import RunSpec
from phiforge.spec.studies.dimension import Dimension, position_of
from phiforge.spec.studies.measures import MEASURES
from phiforge.spec.studies.space import circle
from phiforge.spec.studies.study import Aim, Goal, Objective
from phiforge.spec.studies.trial import KEPT, with_values

MOST_DATASETS = 16
"""Datasets that the trials of one study may be on: all of them are published when it is submitted."""

_MOST_PROBED = 100
_BETWEEN = (0.318, 0.682)
"""Where between its ends a number is tried."""


def dimension_problems(field: str, dimension: Dimension) -> Iterator[str]:
    """Yield what is wrong with one field by itself."""
    place = f"space.{field}"
    if dimension.is_choice:
        if dimension.low is not None or dimension.high is not None:
            yield f"{place}: a choice has values, not low and high"
        if not dimension.values:
            yield f"{place}.values: a choice of nothing; allowed: one or more values"
        elif repeated := _repeated(dimension):
            yield f"{place}.values: {repeated!r} is given twice"
        return
    if dimension.values:
        yield f"{place}.values: type {dimension.type!r} has low and high, not values; with values it is a choice"
        return
    if dimension.low is None or dimension.high is None:
        yield f"{place}: type {dimension.type!r} needs low and high"
        return
    yield from _range_problems(place, dimension)


def _repeated(dimension: Dimension) -> Any:  # noqa: ANN401 - any value of a spec
    values = dimension.values
    return next((each for index, each in enumerate(values) if position_of(each, values) != index), None)


def _range_problems(place: str, dimension: Dimension) -> Iterator[str]:
    low, high = dimension.bounds
    if not low < high:
        yield f"{place}: from low {low:g} to high {high:g} there is nothing; allowed: a low below the high"
    if dimension.is_log and low <= 0:
        yield f"{place}.low: {low:g} has no order of magnitude; allowed: above 0"
    if dimension.is_whole and not (float(low).is_integer() and float(high).is_integer()):
        yield f"{place}: from {low:g} to {high:g}; allowed of type {dimension.type!r}: whole numbers"


def condition_problems(dimensions: Mapping[str, Dimension]) -> Iterator[str]:
    """Yield conditions on what is no field of the space, on values that a field has not, and circles."""
    known = True
    for field, dimension in dimensions.items():
        for other, wanted in dimension.when.items():
            if other not in dimensions:
                known = False
                there = f"{', '.join(dimensions)}{did_you_mean(other, dimensions)}"
                yield f"space.{field}.when: {other!r} is no field of the space, which has {there}"
            elif missing := [each for each in _listed(wanted) if not _may_be(dimensions[other], each)]:
                yield f"space.{field}.when.{other}: {missing[0]!r} is none of its values, {_said(dimensions[other])}"
    if known and (found := circle(dimensions)):
        yield f"space: {' depends on '.join(found)}: a circle of conditions; take one of them away"


def _listed(wanted: Any) -> list[Any]:  # noqa: ANN401 - any value of a spec
    return list(wanted) if isinstance(wanted, list | tuple) else [wanted]


def _may_be(dimension: Dimension, value: Any) -> bool:  # noqa: ANN401 - any value of a spec
    if not dimension.is_choice:
        low, high = dimension.bounds
        return isinstance(value, int | float) and low <= value <= high
    try:
        return position_of(value, dimension.values) >= 0
    except ValueError:
        return False


def _said(dimension: Dimension) -> str:
    """Return which values a field has."""
    if dimension.is_choice:
        return ", ".join(map(repr, dimension.values))
    return f"{dimension.bounds[0]:g} to {dimension.bounds[1]:g}"


def field_problems(base: Mapping[str, Any], dimensions: Mapping[str, Dimension]) -> Iterator[str]:
    """Yield fields that the run spec has not, values that it does not take, and fields that no study may vary."""
    for field, dimension in dimensions.items():
        if kept := next((each for each in KEPT if f"{field}.".startswith(f"{each}.")), None):
            yield f"space.{field}: {_why_kept(kept)}"
            continue
        if field.partition(".")[0] == "data" and dimension.size > MOST_DATASETS:
            yield f"space.{field}: {dimension.size:g} datasets; allowed: a choice of at most {MOST_DATASETS}"
            continue
        yield from islice(_value_problems(base, dimensions, field), 1)


def _why_kept(field: str) -> str:
    if field == "outer.versions":
        return "how long trials go on is the objective's to say; allowed: objective.tasks or objective.versions"
    return f"all trials have the same {field}; set it in the base"


def _value_problems(base: Mapping[str, Any], dimensions: Mapping[str, Dimension], field: str) -> Iterator[str]:
    """Yield what the run spec says of some values of a field, where what it depends on is as it wants."""
    needed = {other: _listed(wanted)[0] for other, wanted in dimensions[field].when.items()}
    for value in _probed(dimensions[field]):
        try:
            raw = with_values(base, needed | {field: value})
        except SpecError as error:
            yield from (f"space.{each}" for each in error.problems)
            return
        top = field.partition(".")[0]
        for problem in sections({top: raw[top]})[1]:
            if problem.startswith((f"{field}:", f"{field}.")):
                yield f"space.{problem}"


def _probed(dimension: Dimension) -> list[Any]:
    if dimension.is_choice:
        return list(dimension.values[:_MOST_PROBED])
    return [*dimension.bounds, *map(dimension.value_at, _BETWEEN)]


def objective_problems(objective: Objective, base: RunSpec) -> Iterator[str]:
    """Yield why an objective is never measured, or said twice."""
    measured = [*always(base.data.name), *(each.name for each in base.scores)]
    if objective.score is not None and objective.score not in measured:
        meant = did_you_mean(objective.score, measured)
        yield (
            f"objective.score: {objective.score!r} is not measured by the base; allowed: {', '.join(measured)}, and "
            f"what its scores name{meant}"
        )
    if objective.tasks is not None and objective.versions is not None:
        yield "objective: tasks and versions both say how long a trial goes on; give one of them"


def aims_problems(objective: Objective, aims: tuple[Aim, ...], base: RunSpec) -> Iterator[str]:
    """Yield what is wrong with several objectives."""
    if not aims:
        return
    names = [aim.score for aim in aims]
    if objective.score is not None or objective.goal is not None:
        yield "objective: with several objectives, score and goal are theirs to say; leave tasks or versions alone here"
    if len(aims) == 1:
        yield "objectives: there is one; allowed: two or more, or the same in objective"
    allowed = [*always(base.data.name), *(each.name for each in base.scores), *MEASURES]
    for place, name in enumerate(names):
        if name not in allowed:
            meant = did_you_mean(name, allowed)
            yield f"objectives.{place}.score: {name!r} is not measured; allowed: {', '.join(allowed)}{meant}"
        elif name in names[:place]:
            yield f"objectives.{place}.score: {name!r} is given twice"


def settled_aims(aims: tuple[Aim, ...]) -> tuple[Aim, ...]:
    """Return several objectives with their goals said."""
    return tuple(aim.model_copy(update={"goal": aim.goal or _better_way(aim.score)}) for aim in aims)


def _better_way(score: str) -> Goal:
    return "maximise" if score not in MEASURES and SCORES[score].higher_is_better else "minimise"


def settled_objective(objective: Objective, base: RunSpec) -> Objective:
    """Return the objective with its score and its goal said."""
    score = objective.score or DATA[base.data.name].chooses_by
    return objective.model_copy(update={"score": score, "goal": objective.goal or _better_way(score)})
