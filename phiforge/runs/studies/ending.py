"""When a study is over, and what is said of it then."""

import time
from typing import Any

from phiforge.runs.studies.found import Found
from phiforge.runs.studies.outcome import Result, StudyStatus
from phiforge.runs.studies.record import StudyRecord
from phiforge.spec.studies.study import StudySpec

FEW = 5
"""If the first trials fail, so many of them, the study ends: something is wrong with all."""


def run_out(spec: StudySpec) -> str:
    """Say why there are no more proposals, though no part of the budget is spent."""
    if spec.budget.tasks is not None:
        return f"no further trial fits its {spec.budget.tasks} tasks, or the proposer has run out"
    return f"proposer {spec.proposer.name!r} has run out"


def hopeless(found: Found, trials: int | None) -> str | None:
    """Say why a study ends early: its first trials, in order of number, all came to nothing."""
    few = min(FEW, trials or FEW)
    first = [found.results.get(number) for number in range(few)]
    if any(result is None or result.value is not None for result in first):
        return None
    return f"each of the first {few} trials came to nothing; {_first_reason(found)}"


def _first_reason(found: Found) -> str:
    result = found.results[0]
    return f"trial 0 was {result.end}: {result.why}"


def spent(record: StudyRecord, spec: StudySpec, found: Found) -> str | None:
    """Say which part of the budget is spent, if any is: no more trials are proposed then."""
    budget, trials = spec.budget, len(found.proposals)
    if budget.trials is not None and trials >= budget.trials:
        return f"its {budget.trials} trials are over"
    if budget.tasks is not None and found.tasks >= budget.tasks:
        return f"its {budget.tasks} tasks are used up"
    if budget.minutes is not None and time.time() - record.created_at >= 60 * budget.minutes:
        return f"its {budget.minutes:g} minutes are over"
    return None


def final(spec: StudySpec, found: Found, reason: str) -> tuple[StudyStatus, dict[str, Any]]:
    """Return how a study ends that has come to its end, and what is written down of it."""
    best = found.best(spec)
    if best is None:
        why = _first_reason(found) if found.results else "there was none"
        return StudyStatus.FAILED, {"reason": f"no trial came to anything; {why}"}
    fields = {"reason": reason, "trials": len(found.results), "tasks": found.tasks, "best": _best(best, found)}
    if spec.objectives:
        fields["front"] = [result.number for result in found.front(spec)]
    return StudyStatus.COMPLETE, fields


def _best(best: Result, found: Found) -> dict[str, Any]:
    return {
        "trial": best.number,
        "run": best.run,
        "value": best.value,
        "version": best.version,
        "phi_hash": best.phi_hash,
        "point": dict(found.proposals[best.number].point),
    }
