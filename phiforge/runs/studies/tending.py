"""The trials of a generation: each becomes a run, waits at its rungs for the others, and has a result in the end."""

from collections.abc import Iterator
from contextlib import suppress

from phiforge.base.errors import RunError, SpecError
from phiforge.base.fault_points import reach
from phiforge.base.metrics import STUDY_TRIALS
from phiforge.runs import judging
from phiforge.runs.platform import RunPlatform
from phiforge.runs.record import RunStatus
from phiforge.runs.studies.deciding import Deciding
from phiforge.runs.studies.found import Found, cost_of
from phiforge.runs.studies.outcome import Proposal, Result, StudyStatus, TrialEnd, run_of_trial
from phiforge.runs.studies.record import Studies, StudyRecord
from phiforge.runs.studies.results import ended, judged, refused
from phiforge.runs.studies.trials import submit_trial
from phiforge.runs.waiting.line import Line
from phiforge.runs.waiting.moves import cancel_one, park_one, release_one, resume_one
from phiforge.spec.studies.study import StudySpec


class Tending:
    """One look at the trials of a study that are not over. Whatever it does may be done twice, or by two at once."""

    def __init__(
        self, platform: RunPlatform, studies: Studies, record: StudyRecord, spec: StudySpec, found: Found
    ) -> None:
        self._platform, self._studies, self._record, self._spec, self._found = platform, studies, record, spec, found
        self._line = Line(platform.store, platform.exchange)
        self._active = set(platform.record.active())
        self.waiting: dict[int, float] = {}
        """Costs of the trials that have reached the rung at which they are to be decided for, once they were tended."""
        self._saved = set[int]()

    def tend(self) -> bool:
        """Do what is due, and say whether that may have made more due."""
        changed = False
        for proposal in self._found.stopped:
            self._save(self._stopped(proposal))
            changed = True
        going = self._found.going
        for proposal in going:
            if result := self._result(proposal):
                self._save(result)
                changed = True
        return self._decide([each for each in going if each.number not in self._saved]) or changed

    def close(self) -> None:
        """Let nobody go on of those that wait at a rung: nothing more comes that could let them."""
        for decision in self._deciding(self._found.going).last():
            self._studies.decide(self._record.study, *decision)

    @property
    def under_way(self) -> list[Proposal]:
        """The trials that neither wait at a rung nor are over."""
        return [each for each in self._found.open if each.number not in self.waiting]

    def _result(self, proposal: Proposal) -> Result | None:
        """Return what came of a trial that goes on; None if that is not known yet, having done what is due for it."""
        if proposal.refused:
            return refused(proposal, proposal.refused)
        run = run_of_trial(self._record.study, proposal.number)
        if _queued(proposal) not in self._found.names and (lacks := self._submit(proposal, run)):
            return lacks
        last = min(self._found.rung_of(proposal), len(proposal.rungs) - 1)
        compared = last < len(proposal.rungs) - 1
        if compared and self._waits(proposal, run, last):
            return None
        if run in self._active:
            return None
        status = self._platform.record.status(run)
        if status is RunStatus.RUNNING:
            self._let_go_on(proposal, run)
            return None
        if status is RunStatus.COMPLETE:
            return judged(self._platform, self._record, self._spec, proposal, last, TrialEnd.COMPLETE)
        if self._was_cancelled_with_the_study(run, status):
            self._resume(run)
            return None
        return ended(self._platform, self._record, proposal, last, status)

    def _submit(self, proposal: Proposal, run: str) -> Result | None:
        """Let a trial be a run; return its result if it can be none."""
        try:
            submit_trial(self._platform, self._record, self._spec, proposal)
        except SpecError as error:
            return refused(proposal, "; ".join(error.problems))
        except RunError as error:
            with suppress(RunError):
                self._platform.record.note_end(run, RunStatus.FAILED, str(error))
            return ended(self._platform, self._record, proposal, 0, RunStatus.FAILED)
        self._studies.mark(self._record.study, _queued(proposal))
        if self._studies.status(self._record.study) is not StudyStatus.RUNNING:
            self._studies.activate(self._record.study)  # it ended meanwhile: whoever looks next ends this trial too
        return None

    def _waits(self, proposal: Proposal, run: str, rung: int) -> bool:
        """Say whether a trial has come to its rung, at which it waits for its score, and then for the others.

        It is held there. Training it further would be in vain if it is stopped, and it is judged meanwhile.
        """
        judged = self._is_judged(proposal, run, rung)
        if not (judged or self._platform.record.has_checkpoint(run, proposal.rungs[rung])):
            return False
        if run not in self._active and judged:
            self._note_held(proposal, rung)  # also if it was held at the rung before, and had come to this one by then
            return True
        if self._platform.record.status(run) is not RunStatus.RUNNING:
            return judged
        if run in self._active:
            self._note_held(proposal, rung)
            park_one(self._platform, self._line, run)
        else:
            self._ask_again(run, proposal.rungs[rung])
        return True

    def _note_held(self, proposal: Proposal, rung: int) -> None:
        """Note that a trial is held at its rung: by that it is known whom to let go on."""
        if (mark := _held(proposal, rung)) not in self._found.names:
            self._studies.mark(self._record.study, mark)

    def _is_judged(self, proposal: Proposal, run: str, rung: int) -> bool:
        """Say whether a trial has its rung's score, and note it."""
        if not self._platform.record.has_scores(run, "validation", proposal.rungs[rung]):
            return False
        result = judged(self._platform, self._record, self._spec, proposal, rung, TrialEnd.STOPPED)
        cost = cost_of(self._spec.objective, result.value)
        if cost is None:  # damaged since: judged again
            return False
        self.waiting[proposal.number] = cost
        return True

    def _ask_again(self, run: str, version: int) -> None:
        """Ask for the score of a trial that is held, if nobody has worked on it for long."""
        if self._platform.exchange.stalled(run, "evaluation", self._platform.settings.stall_seconds):
            judging.send(self._platform, self._platform.run(run), "validation", version)

    def _let_go_on(self, proposal: Proposal, run: str) -> None:
        """Let a trial queue again that was held at the rung before, and is one of those that go on.

        At every look: whoever moved it while it was held may hold it once more.
        """
        rung = self._found.rung_of(proposal)
        if rung and _held(proposal, rung - 1) in self._found.names:
            release_one(self._platform, self._line, run)

    def _resume(self, run: str) -> None:
        with suppress(RunError):  # somebody was faster
            resume_one(self._platform, self._line, run)

    def _was_cancelled_with_the_study(self, run: str, status: RunStatus) -> bool:
        cancelled = status is RunStatus.CANCELLED
        return cancelled and self._platform.record.end_reason(run, status) == cancelled_with(self._record.study)

    def _decide(self, going: list[Proposal]) -> bool:
        """Write down who goes on, as far as that is known now, and say whether anything was."""
        found = list(self._deciding(going).due())
        for decision in found:
            self._studies.decide(self._record.study, *decision)
        return bool(found)

    def _deciding(self, going: list[Proposal]) -> Deciding:
        return Deciding(self._spec, self._found, going, self.waiting)

    def _stopped(self, proposal: Proposal) -> Result:
        """End a trial's run that the scheduler stopped, and return its result."""
        rung = self._found.rung_of(proposal)
        place = self._found.decisions_of(proposal.generation)[rung].place(proposal.number)
        result = judged(self._platform, self._record, self._spec, proposal, rung, TrialEnd.STOPPED)
        why = f"stopped at version {result.version} of {proposal.rungs[-1]}: {place}"
        end_trial(self._platform, self._line, result.run, f"{why}; its checkpoints are kept")
        return result._replace(why=result.why or why)

    def _save(self, result: Result) -> None:
        self._studies.save_result(self._record.study, result)
        self._saved.add(result.number)
        STUDY_TRIALS.labels(end=result.end).inc()
        reach("study.judged")


def cancelled_with(study: str) -> str:
    """Return why a trial's run was ended with its study: by that it is known when the study is resumed."""
    return f"its study {study} ended"


def end_trial(platform: RunPlatform, line: Line, run: str, why: str) -> None:
    """Cancel the run of a trial, if it is not over, and let nothing of it be held, whoever broke off doing so."""
    with suppress(RunError):
        cancel_one(platform, line, run, why)
    if held := line.held(run):
        line.remove(held)


def lay_down(platform: RunPlatform, record: StudyRecord, found: Found) -> None:
    """End the runs of a study that is over."""
    line = Line(platform.store, platform.exchange)
    for run in _left(platform, record, found):
        end_trial(platform, line, run, cancelled_with(record.study))


def _left(platform: RunPlatform, record: StudyRecord, found: Found) -> Iterator[str]:
    for proposal in found.open:
        run = run_of_trial(record.study, proposal.number)
        if proposal.number not in found.results and platform.record.is_submitted(run):
            yield run


def _queued(proposal: Proposal) -> str:
    return f"queued/{proposal.number:05d}"


def _held(proposal: Proposal, rung: int) -> str:
    return f"held/{proposal.number:05d}-{rung}"
