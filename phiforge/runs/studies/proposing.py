"""The next generation of a study: a pure function of its spec, its seed and the results of those before."""

from collections.abc import Iterable, Sequence

from phiforge.base.errors import SpecError
from phiforge.runs.studies.found import Found
from phiforge.runs.studies.outcome import Proposal
from phiforge.search.proposers import build_proposer
from phiforge.search.schedulers import build_scheduler
from phiforge.search.trials import Planned, planned, tasks_together
from phiforge.spec.studies.space import Point
from phiforge.spec.studies.study import StudySpec


def next_generation(spec: StudySpec, found: Found) -> list[Proposal]:
    """Return the trials to try next; none if the proposer has run out, or no further trial fits the budget.

    Every generation before must be over.
    """
    first, generation = len(found.proposals), len(found.generations)
    count = spec.generation
    if spec.budget.trials is not None:
        count = min(count, spec.budget.trials - first)
    proposer = build_proposer(spec.proposer, spec.points, spec.seed)
    points = proposer.propose(found.told(spec), range(first, first + count))
    proposals = [proposed(spec, first + index, generation, point) for index, point in enumerate(points)]
    if spec.budget.tasks is None:
        return proposals
    return fitting(spec, proposals, spec.budget.tasks - found.tasks)


def proposed(spec: StudySpec, number: int, generation: int, point: Point) -> Proposal:
    """Return the trial at ``point``; one that is no run says why."""
    try:
        trial = planned(spec, point, generation)
    except SpecError as error:
        return Proposal(number, generation, dict(point), refused="; ".join(error.problems))
    return Proposal(number, generation, dict(point), trial.rungs, trial.version_tasks)


def fitting(spec: StudySpec, proposals: Sequence[Proposal], tasks: int) -> list[Proposal]:
    """Return as many of the first ``proposals`` as take no more than ``tasks`` together, whoever of them goes on."""
    scheduler = build_scheduler(spec.scheduler)
    fits = list(proposals)
    while fits and tasks_together(scheduler, _planned(fits)) > tasks:
        fits.pop()
    return fits if any(not each.refused for each in fits) else []


def _planned(proposals: Iterable[Proposal]) -> list[Planned]:
    return [Planned({}, each.rungs, each.version_tasks) for each in proposals if not each.refused]
