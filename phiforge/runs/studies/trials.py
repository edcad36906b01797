"""Trials: runs of a study with ids that follow from it, so that each is there once however often it is submitted."""

from contextlib import suppress

from phiforge.base.errors import RunError
from phiforge.base.fault_points import reach
from phiforge.runs.platform import RunPlatform
from phiforge.runs.record import RunStatus
from phiforge.runs.studies.descent import start_of_branch, with_parent
from phiforge.runs.studies.facts import facts_of
from phiforge.runs.studies.outcome import Proposal, run_of_trial
from phiforge.runs.studies.record import StudyRecord
from phiforge.runs.submission import checked_record, first_checkpoint
from phiforge.runs.waiting.line import Line
from phiforge.runs.waiting.moves import put_in_line
from phiforge.runs.waiting.wish import Wish
from phiforge.search.trials import planned
from phiforge.spec.studies.study import StudySpec

LABEL = "study"


def submit_trial(platform: RunPlatform, record: StudyRecord, spec: StudySpec, proposal: Proposal) -> None:
    """Let a trial be a run in the queue, whatever of that is done already.

    Raises SpecError if it can be none, RunError if what φ begins as cannot be computed.
    """
    run = run_of_trial(record.study, proposal.number)
    if not platform.record.is_submitted(run):
        _create(platform, record, spec, proposal)
    reach("study.created")
    if not platform.record.has_checkpoint(run, proposal.start):
        _begin(platform, run)
    line = Line(platform.store, platform.exchange)
    over = platform.record.status(run) is not RunStatus.RUNNING
    if not (over or platform.record.is_active(run) or line.of(run)):
        put_in_line(platform, line, run)
    reach("study.queued")


def _create(platform: RunPlatform, record: StudyRecord, spec: StudySpec, proposal: Proposal) -> None:
    raw = planned(spec, proposal.point, proposal.generation, proposal.start).raw
    run = run_of_trial(record.study, proposal.number)
    new = checked_record(raw, lambda data: facts_of(record, data), record.device, lambda _: run)
    new = with_parent(platform, record.study, proposal, new)
    wish = Wish(record.priority, ((LABEL, record.study),))
    with suppress(RunError):  # somebody was faster, with the same
        platform.record.create(new._replace(wish=wish))


def _begin(platform: RunPlatform, run: str) -> None:
    record = platform.run(run)
    try:
        start = start_of_branch(platform, record, record.parent) if record.parent else first_checkpoint(record)
    except (MemoryError, RuntimeError) as error:  # torch's way to say that there is no memory
        raise RunError(f"φ₀ cannot be computed: {error}") from error
    platform.checkpoints.save(run, start)
