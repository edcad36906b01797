"""What a study found: the spec of its best trial, and why each trial ended as it did."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from phiforge.base.errors import StudyError
from phiforge.runs.studies.outcome import Result
from phiforge.spec.cells.words import equations
from phiforge.spec.run import RunSpec
from phiforge.spec.studies.measures import MEASURES
from phiforge.spec.studies.trial import of_length, raw_of
from phiforge_client.cells.found import cells_of, network_of
from phiforge_client.studies.schedule import remarks, schedule
from phiforge_client.studies.table import figure, value_at
from phiforge_client.studies.view import StudyView


def best_spec(view: StudyView, trial: int | None = None) -> str:
    """Return the spec of the best trial as YAML that ``phiforge submit`` takes; raises StudyError if there is none.

    Of a trial that went on from others it is where all began, with how to go on from there as a comment.
    """
    best = view.best if trial is None else _with_value(view, trial)
    if best is None:
        raise StudyError(f"study {view.record.study!r} has found nothing yet; `phiforge study show` says where it is")
    stretches = schedule(view, view.found.proposals[best.number])
    raw = of_length(raw_of(view.spec, stretches[0].point), (stretches[0].end,))
    raw = {name: raw[name] for name in RunSpec.model_fields if name in raw}
    values = ", ".join(f"{_named(aim.score)} {figure(value_at(best, aim.score))}" for aim in view.spec.aims)
    said = [f"Trial {best.number} of study {view.record.study}: {values} at version {best.version}."]
    if view.front:
        others = ", ".join(str(number) for number in view.shown)
        said.append(f"No other dominates trials {others}; `phiforge study best STUDY --trial N` prints another.")
    said += _cells(raw)
    said += remarks(view.spec, stretches) if len(stretches) > 1 else []
    return "".join(f"# {line}\n" for line in said) + yaml.safe_dump(raw, sort_keys=False)


def _named(score: str) -> str:
    return score if score in MEASURES else f"validation {score}"


def _with_value(view: StudyView, trial: int) -> Result:
    """Return a trial that has a value; raises StudyError if it has none."""
    result = view.found.results.get(trial)
    if result is None or result.value is None:
        judged = sorted(number for number, each in view.found.results.items() if each.value is not None)
        allowed = ", ".join(map(str, judged)) or "none yet"
        raise StudyError(f"trial {trial} of study {view.record.study!r} has no value; allowed: {allowed}")
    return result


def _cells(raw: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the cells of its network are, if it has such."""
    network = network_of(raw)
    for kind, edges in cells_of(network).items() if network else ():
        yield f"{kind} cell: {', '.join(equations(edges))}"


def reasons(view: StudyView, trial: int | None) -> Iterator[str]:
    """Yield why each trial ended as it did, or one of them; raises StudyError if there is no such trial."""
    proposals = view.found.proposals
    if trial is not None and trial >= len(proposals):
        raise StudyError(f"study {view.record.study!r} has no trial {trial}; it has {len(proposals)}, from 0 on")
    for proposal in proposals if trial is None else [proposals[trial]]:
        result = view.found.results.get(proposal.number)
        if result is None:
            yield f"{proposal.number}: goes on or waits, as run {view.run_of(proposal)}"
            continue
        value = "" if result.value is None else f", {view.spec.objective.score} {figure(result.value)}"
        more = f"; {result.why}" if result.why else ""
        yield f"{proposal.number}: {result.end}{value}, run {result.run or 'none'}{more}"
