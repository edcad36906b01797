"""The next generation of a study: a pure function of its spec, its seed and the results of those before."""

from collections.abc import Iterable, Sequence

from phiforge.base.errors import SpecError
from phiforge.runs.studies.found import Found
from phiforge.runs.studies.outcome import Proposal
from phiforge.search.proposers import Proposer, build_proposer
from phiforge.search.schedulers import build_scheduler
from phiforge.search.trials import Planned, planned, tasks_together
from phiforge.spec.studies.space import Point
from phiforge.spec.studies.study import StudySpec

Parent = tuple[int | None, int]
"""The number of the trial that another goes on from, and at which version."""


def next_generation(spec: StudySpec, found: Found) -> list[Proposal]:
    """Return the trials to try next; none if the proposer has run out, or no further trial fits the budget.

    Every generation before must be over.
    """
    first, generation = len(found.proposals), len(found.generations)
    count = spec.generation
    if spec.budget.trials is not None:
        count = min(count, spec.budget.trials - first)
    proposer = proposer_of(spec)
    history, numbers = found.told(spec), range(first, first + count)
    points, parents = proposer.propose(history, numbers), proposer.parents(history, numbers)
    asked = zip(numbers, points, parents, strict=False)  # there may be fewer points, if it has run out
    proposals = [proposed(spec, number, generation, point, _ends(found, parent)) for number, point, parent in asked]
    if spec.budget.tasks is None:
        return proposals
    return fitting(spec, proposals, spec.budget.tasks - found.tasks)


def proposer_of(spec: StudySpec) -> Proposer:
    """Return the proposer of a study, told how many objectives there are."""
    proposer = build_proposer(spec.proposer, spec.points, spec.seed)
    proposer.aims = len(spec.aims)
    return proposer


def _ends(found: Found, parent: int | None) -> Parent:
    """Return a trial that another goes on from, and the version at which it ended."""
    return (None, 0) if parent is None else (parent, found.proposals[parent].rungs[-1])


def proposed(spec: StudySpec, number: int, generation: int, point: Point, parent: Parent = (None, 0)) -> Proposal:
    """Return the trial at ``point``, which goes on from ``parent``; one that is no run says why."""
    try:
        trial = planned(spec, point, generation, parent[1])
    except SpecError as error:
        return Proposal(number, generation, dict(point), refused="; ".join(error.problems))
    return Proposal(number, generation, dict(point), trial.rungs, trial.version_tasks, "", *parent)


def fitting(spec: StudySpec, proposals: Sequence[Proposal], tasks: int) -> list[Proposal]:
    """Return as many of the first ``proposals`` as take no more than ``tasks`` together, whoever of them goes on."""
    scheduler = build_scheduler(spec.scheduler)
    fits = list(proposals)
    while fits and tasks_together(scheduler, _planned(fits)) > tasks:
        fits.pop()
    return fits if any(not each.refused for each in fits) else []


def _planned(proposals: Iterable[Proposal]) -> list[Planned]:
    return [Planned({}, each.rungs, each.version_tasks, each.start) for each in proposals if not each.refused]
