"""From a person's YAML or JSON to a StudySpec, or to every problem in it at once."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from pydantic import ValidationError

from phiforge.base.errors import SpecError
from phiforge.base.seeds import numpy_generator
from phiforge.registry import PROPOSERS, SCHEDULERS
from phiforge.search.proposers import lacking
from phiforge.search.trials import Planned, planned
from phiforge.spec.read import parse_spec, sections
from phiforge.spec.run import RunSpec
from phiforge.spec.sentences import BRIEF, sentence
from phiforge.spec.studies import checks
from phiforge.spec.studies.dimension import Dimension
from phiforge.spec.studies.space import Space
from phiforge.spec.studies.study import StudySpec

SAMPLED = 64
"""Random points of a space that are looked at before a study is accepted."""

BaseOf = Callable[[str], Mapping[str, Any]]
"""Returns the raw spec that a name means; raises SpecError if there is none so called."""


def parse_study(raw: Mapping[str, Any], base_of: BaseOf | None = None) -> StudySpec:
    """Return the study that ``raw`` describes, with its base and its objective said whole.

    Args:
        raw: as a person wrote it.
        base_of: looks up a base that is given by name.

    Raises SpecError listing every problem, of all sections, at once.
    """
    others = {name: value for name, value in raw.items() if name not in ("base", "space")}
    values, problems = sections(others, StudySpec)
    base, base_problems = _base(raw, base_of)
    dimensions, space_problems = _space(raw)
    problems += [*base_problems, *space_problems]
    spec = None if base_problems else parse_spec(base)
    if not base_problems:
        problems += checks.field_problems(base, dimensions)
    if spec and "objective" in values:
        problems += checks.objective_problems(values["objective"], spec)
        problems += checks.aims_problems(values["objective"], values.get("objectives", ()), spec)
    problems += _budget_problems(values)
    if not space_problems and "proposer" in values and "generation" in values:
        part = PROPOSERS[values["proposer"].name]
        problems += [f"proposer.name: {why}" for why in [lacking(part)] if why]
        refused = part.refuses(values["proposer"], Space(dimensions), values["generation"])
        problems += [f"proposer.name: {reason}" for reason in refused]
    problems += _order_problems(values)
    problems += _several_problems(values)
    problems += _continuing_problems(values, base, dimensions)
    if problems or spec is None:
        raise SpecError(problems, of="study")
    study = StudySpec.model_validate({**values, "base": base, "space": dimensions})
    study = _settled(study, spec)
    if problems := list(_trial_problems(study)):
        raise SpecError(problems, of="study")
    return study


def _settled(study: StudySpec, base: RunSpec) -> StudySpec:
    """Return a study with all objectives said whole; the first of several is the one that ``objective`` names."""
    aims = checks.settled_aims(study.objectives)
    if aims:
        objective = study.objective.model_copy(update={"score": aims[0].score, "goal": aims[0].goal})
    else:
        objective = checks.settled_objective(study.objective, base)
    return study.model_copy(update={"objective": objective, "objectives": aims})


def _base(raw: Mapping[str, Any], base_of: BaseOf | None) -> tuple[dict[str, Any], list[str]]:
    """Return the raw spec of the base, and what is wrong with it."""
    given = raw.get("base", {})
    try:
        if isinstance(given, str) and base_of:
            given = base_of(given)
        if not isinstance(given, Mapping):
            return {}, [f"base: {BRIEF.repr(given)}; allowed: a run's spec, or the name of a ready-made one"]
        parse_spec(given)
    except SpecError as error:
        return {}, [f"base.{problem}" if _is_placed(problem) else f"base: {problem}" for problem in error.problems]
    return dict(given), []


def _is_placed(problem: str) -> bool:
    """Say whether a problem begins with the place in a spec that it is about."""
    return problem.partition(":")[0].partition(".")[0] in RunSpec.model_fields or problem.partition(":")[2] != ""


def _space(raw: Mapping[str, Any]) -> tuple[dict[str, Dimension], list[str]]:
    """Return those fields of the space that are right by themselves, and what is wrong with it."""
    given = raw.get("space")
    if not isinstance(given, Mapping) or not given:
        return {}, [
            f"space: {BRIEF.repr(given)}; allowed: fields such as outer.lr: {{type: log, low: 1e-4, high: 1e-2}}"
        ]
    found, problems = dict[str, Dimension](), list[str]()
    for field, value in given.items():
        wrong = [f"space: {BRIEF.repr(field)} is no field"] if not isinstance(field, str) else []
        try:
            dimension = Dimension.model_validate(value)
            wrong += checks.dimension_problems(str(field), dimension)
        except ValidationError as error:
            wrong += [f"space.{field}.{_said(detail, value)}".replace(".:", ":") for detail in error.errors()]
        if not wrong:
            found[field] = dimension
        problems += wrong
    return found, problems or list(checks.condition_problems(found))


def _said(detail: Any, value: Any) -> str:  # noqa: ANN401 - what pydantic says of whatever was given
    return sentence(detail["loc"], detail, value if isinstance(value, Mapping) else {}, Dimension)


def _budget_problems(values: Mapping[str, Any]) -> Iterator[str]:
    if "budget" not in values or "proposer" not in values:
        return
    budget = values["budget"]
    if budget.trials is budget.tasks is budget.minutes is None and not PROPOSERS[values["proposer"].name].ends:
        yield "budget: nothing ends this study; give budget.trials, budget.tasks or budget.minutes"


def _order_problems(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield parts that cannot take trials in generations, or one by one, as the study has them."""
    if "proposals" not in values:
        return
    asynchronous = values["proposals"] == "asynchronous"
    if "scheduler" in values:
        part = SCHEDULERS[values["scheduler"].name]
        if asynchronous and not part.one_by_one:
            yield (
                f"scheduler.name: {part.name!r} compares the trials of a generation; allowed with asynchronous "
                f"proposals: {', '.join(name for name in SCHEDULERS if SCHEDULERS[name].one_by_one)}"
            )
        if not asynchronous and not part.by_generation:
            yield f"scheduler.name: {part.name!r} needs asynchronous proposals; give proposals: asynchronous"
    if asynchronous and "proposer" in values and not PROPOSERS[values["proposer"].name].one_by_one:
        name = values["proposer"].name
        allowed = ", ".join(each for each in PROPOSERS if PROPOSERS[each].one_by_one)
        yield f"proposer.name: {name!r} learns of whole generations; allowed with asynchronous proposals: {allowed}"


def _several_problems(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield parts that compare trials by one number, where there are several objectives."""
    if not values.get("objectives"):
        return
    if "proposer" in values and not PROPOSERS[values["proposer"].name].several:
        allowed = ", ".join(each for each in PROPOSERS if PROPOSERS[each].several)
        yield f"proposer.name: {values['proposer'].name!r} takes one objective; allowed with several: {allowed}"
    if "scheduler" in values and SCHEDULERS[values["scheduler"].name].stops:
        allowed = ", ".join(each for each in SCHEDULERS if not SCHEDULERS[each].stops)
        yield f"scheduler.name: {values['scheduler'].name!r} compares by one objective; allowed with several: {allowed}"


def _continuing_problems(
    values: Mapping[str, Any], base: Mapping[str, Any], dimensions: Mapping[str, Dimension]
) -> Iterator[str]:
    """Yield what cannot be where trials go on from each other."""
    if "proposer" not in values or not PROPOSERS[values["proposer"].name].continues:
        return
    name, outer = values["proposer"].name, base.get("outer", {})
    if "scheduler" in values and SCHEDULERS[values["scheduler"].name].stops:
        allowed = ", ".join(each for each in SCHEDULERS if not SCHEDULERS[each].stops)
        yield f"scheduler.name: trials of {name!r} go on from each other, and none is stopped; allowed: {allowed}"
    sections = [outer, *(dimensions["outer"].values if "outer" in dimensions else ())]
    if "outer.schedule" in dimensions or any(
        isinstance(each, Mapping) and each.get("schedule", "constant") != "constant" for each in sections
    ):
        yield f"base.outer.schedule: {name!r} learns the schedule itself; allowed: constant, which is not in the space"


def _trial_problems(study: StudySpec) -> Iterator[str]:
    """Yield why no point that was drawn from the space can be a trial, or none fits the budget."""
    found, refused = list[Planned](), list[SpecError]()
    for number in range(SAMPLED):
        try:
            found.append(planned(study, study.points.point(partial(_drawn, study.seed, number)), 0))
        except SpecError as error:
            refused.append(error)
    if not found:
        yield f"space: of {SAMPLED} points that were drawn none is a run's spec; the first: {refused[0].problems[0]}"
        return
    least, budget = min(each.tasks for each in found), study.budget.tasks
    if budget is not None and budget < least:
        yield f"budget.tasks: {budget} cannot hold one trial, which takes {least} tasks; allowed: that or more"
    if least == 0:
        yield "objective: a trial is trained on no task, so that all come to the same; give objective.tasks"


def _drawn(seed: int, number: int, field: str) -> float:
    return float(numpy_generator(seed, "sample", number, field).random())
