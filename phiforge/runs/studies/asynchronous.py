"""Asynchronous proposals: a trial is proposed whenever fewer are under way than may be.

Each is a generation by itself. What it is told, and so what it tries, depends on which trials were over by then: it is
written down before it becomes a run, and stays as it is.
"""

from phiforge.runs.studies.deciding import tasks_left
from phiforge.runs.studies.found import Found
from phiforge.runs.studies.outcome import Proposal
from phiforge.runs.studies.proposing import proposed, proposer_of
from phiforge.spec.studies.study import StudySpec


def next_trial(spec: StudySpec, found: Found, under_way: list[Proposal]) -> list[Proposal]:
    """Return the trial to try next; none if there is no room, the budget holds no more, or the proposer has run out.

    Args:
        spec: of the study
        found: what there is of it
        under_way: the trials that neither wait at a rung nor are over
    """
    number = len(found.proposals)
    if len(under_way) >= spec.generation or number == spec.budget.trials:
        return []
    proposer = proposer_of(spec)
    proposer.under_way = [each.point for each in found.open]
    points = proposer.propose(found.told(spec), range(number, number + 1))
    trials = [proposed(spec, number, len(found.generations), point) for point in points]
    return [each for each in trials if each.refused or each.tasks_to(0) <= tasks_left(spec, found)]
