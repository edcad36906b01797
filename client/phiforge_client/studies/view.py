"""What is shown of studies: neither torch nor a proposer is needed to look."""

from typing import Any, NamedTuple

from phiforge.base.errors import FormatError, IncapableWorkerError, StudyError
from phiforge.runs.platform import RunPlatform
from phiforge.runs.studies.found import Found
from phiforge.runs.studies.outcome import Proposal, Result, StudyStatus, run_of_trial
from phiforge.runs.studies.record import Studies, StudyRecord
from phiforge.spec.studies.study import StudySpec


class StudyView(NamedTuple):
    """A study at one moment."""

    record: StudyRecord
    spec: StudySpec
    status: StudyStatus
    reason: str
    found: Found
    best: Result | None
    front: list[Result]
    """The trials that no other dominates, if there are several objectives."""

    @property
    def over(self) -> bool:
        """Whether no more trials come."""
        return self.status is not StudyStatus.RUNNING

    @property
    def budget(self) -> str:
        """How much of the budget is used."""
        budget, parts = self.spec.budget, list[str]()
        if budget.trials is not None:
            parts.append(f"{len(self.found.results)}/{budget.trials} trials")
        else:
            parts.append(f"{len(self.found.results)} trials")
        if budget.tasks is not None:
            parts.append(f"{self.found.tasks:,}/{budget.tasks:,} tasks")
        return ", ".join(parts)

    @property
    def shown(self) -> list[int]:
        """The numbers of the trials that are marked: the best, or all that no other dominates."""
        return [result.number for result in (self.front if self.spec.objectives else [self.best]) if result]

    def run_of(self, proposal: Proposal) -> str:
        """Return the id of a trial's run."""
        return run_of_trial(self.record.study, proposal.number)


def view_of_study(platform: RunPlatform, study: str) -> StudyView:
    """Return a study as it is now; raises StudyError if there is none, FormatError if it is damaged."""
    studies = Studies(platform.store)
    record, status = studies.read(study), studies.status(study)
    spec, found = record.read_spec(), Found.of(studies, study)
    reason = "" if status is StudyStatus.RUNNING else str(studies.ending(study, status).get("reason", ""))
    return StudyView(record, spec, status, reason, found, found.best(spec), found.front(spec))


def all_studies(platform: RunPlatform) -> tuple[list[StudyView], dict[str, str]]:
    """Return every study in order of submission, and why some cannot be read."""
    views, unreadable = list[StudyView](), dict[str, str]()
    for study in Studies(platform.store).all():
        try:
            views.append(view_of_study(platform, study))
        except (FormatError, IncapableWorkerError, StudyError) as error:
            unreadable[study] = str(error)
    return sorted(views, key=lambda view: (view.record.created_at, view.record.study)), unreadable


def to_json(view: StudyView) -> dict[str, Any]:
    """Return all of a study as JSON values."""
    best = view.best
    return {
        "study": view.record.study,
        "status": view.status,
        "reason": view.reason,
        "spec": dict(view.record.spec),
        "tasks": view.found.tasks,
        "best": None if best is None else best.to_json() | {"point": dict(view.found.proposals[best.number].point)},
        **({"front": [result.number for result in view.front]} if view.spec.objectives else {}),
        "trials": [trial_json(view, proposal) for proposal in view.found.proposals],
    }


def trial_json(view: StudyView, proposal: Proposal) -> dict[str, Any]:
    """Return a trial and what came of it as JSON values."""
    result = view.found.results.get(proposal.number)
    fields: dict[str, Any] = {
        "trial": proposal.number,
        "generation": proposal.generation,
        "run": view.run_of(proposal),
        "point": dict(proposal.point),
        "rungs": list(proposal.rungs),
    }
    if proposal.parent is not None:
        fields |= {"parent": proposal.parent, "start": proposal.start}
    return fields | ({"end": None} if result is None else {k: v for k, v in result.to_json().items() if k != "number"})
