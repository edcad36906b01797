"""What comes of trials, told from their runs."""

from phiforge.base.errors import FormatError, MissingObjectError
from phiforge.runs.platform import RunPlatform
from phiforge.runs.record import RunStatus
from phiforge.runs.studies.found import value_of
from phiforge.runs.studies.measuring import measured
from phiforge.runs.studies.outcome import Proposal, Result, TrialEnd, run_of_trial
from phiforge.runs.studies.record import StudyRecord
from phiforge.spec.studies.study import StudySpec

_ENDS = {RunStatus.FAILED: TrialEnd.FAILED, RunStatus.CANCELLED: TrialEnd.CANCELLED}


def judged(
    platform: RunPlatform, record: StudyRecord, spec: StudySpec, proposal: Proposal, rung: int, end: TrialEnd
) -> Result:
    """Return the result of a trial at a rung at which it was judged; one whose scores are damaged has none."""
    run, version = run_of_trial(record.study, proposal.number), proposal.rungs[rung]
    try:
        scores = platform.record.scores(run, "validation", version)
        measures = measured(platform, spec, proposal, run)
        value = value_of(spec.objective, {**scores, **measures})
    except (FormatError, MissingObjectError, KeyError) as error:
        return _unjudged(run, proposal, rung, TrialEnd.FAILED, f"its scores at version {version}: {error}")
    shown = {name: each for name, each in scores.items() if isinstance(each, float)}
    return Result(
        number=proposal.number,
        run=run,
        end=end,
        value=value,
        version=version,
        share=version / proposal.rungs[-1],
        tasks=proposal.tasks_to(rung),
        phi_hash=str(scores.get("phi_hash", "")),
        scores=shown,
        measures=measures,
    )


def ended(platform: RunPlatform, record: StudyRecord, proposal: Proposal, rung: int, status: RunStatus) -> Result:
    """Return the result of a trial whose run failed or was cancelled before ``rung``."""
    run = run_of_trial(record.study, proposal.number)
    return _unjudged(run, proposal, rung, _ENDS[status], platform.record.end_reason(run, status))


def refused(proposal: Proposal, why: str, run: str = "") -> Result:
    """Return the result of a trial that is no run."""
    return Result(proposal.number, run, TrialEnd.REFUSED, why=why)


def _unjudged(run: str, proposal: Proposal, rung: int, end: TrialEnd, why: str) -> Result:
    version = proposal.rungs[rung]
    return Result(
        proposal.number,
        run,
        end,
        version=version,
        share=version / proposal.rungs[-1],
        tasks=proposal.tasks_to(rung),
        why=why,
    )
