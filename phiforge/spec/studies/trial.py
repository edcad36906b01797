"""The run spec of one trial: the base with the values of a point in it."""

import copy
from collections.abc import Mapping
from typing import Any

from phiforge.base.errors import SpecError
from phiforge.spec.run import RunSpec
from phiforge.spec.studies.space import Point
from phiforge.spec.studies.study import Objective, StudySpec

KEPT = ("evaluation", "name", "outer.versions")
"""What no space may vary: trials are judged alike, and how long they go on is the objective's to say."""


def with_values(base: Mapping[str, Any], point: Point) -> dict[str, Any]:
    """Return a raw spec with each field of ``point`` set, outer sections before what is in them."""
    raw = copy.deepcopy(dict(base))
    for field in sorted(point, key=lambda field: (field.count("."), field)):
        *parents, leaf = field.split(".")
        section = raw
        for parent in parents:
            if not isinstance(section.setdefault(parent, {}), dict):
                raise SpecError([f"{field}: {parent!r} is no section in the base"])
            section = section[parent]
        section[leaf] = copy.deepcopy(point[field])
    return raw


def raw_of(study: StudySpec, point: Point) -> dict[str, Any]:
    """Return the raw spec of the trial at ``point``, but for how long it goes on; every trial is judged alike."""
    raw = with_values(study.base, point) | {"name": study.name}
    if any(field.partition(".")[0] == "task" for field in study.space):
        evaluation = dict(raw.get("evaluation", {}))
        evaluation["task"] = evaluation.get("task") or study.base.get("task", {})
        raw["evaluation"] = evaluation
    return raw


def of_length(raw: Mapping[str, Any], rungs: tuple[int, ...]) -> dict[str, Any]:
    """Return a raw spec that goes on to the last of ``rungs`` and, if there are several, is validated at each.

    All are to be multiples of the first.
    """
    found = {**raw, "outer": {**raw.get("outer", {}), "versions": rungs[-1]}}
    if len(rungs) > 1:
        found["evaluation"] = {**raw.get("evaluation", {}), "every": rungs[0]}
    return found


def versions_of(objective: Objective, spec: RunSpec) -> int:
    """Return how many versions a trial of ``spec`` goes on for."""
    if objective.tasks is not None:
        return -(-objective.tasks // spec.outer.tasks)
    return objective.versions if objective.versions is not None else spec.outer.versions
