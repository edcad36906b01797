"""How a run ended: completed by its report, or cancelled or failed for a reason."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from phiforge.base.errors import FormatError, MissingObjectError
from phiforge.runs.keys import key_of
from phiforge.runs.recorded.activity import Activity


class RunStatus(StrEnum):
    """Whether a run goes on, or how it ended."""

    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"


_MARKS = {
    RunStatus.COMPLETE: "report.json",
    RunStatus.FAILED: "failed.json",
    RunStatus.CANCELLED: "cancelled.json",
}
"""Which file says that a run ended so: the first that is there counts."""


class Ends(Activity):
    """The files that end a run."""

    def status(self, run: str) -> RunStatus:
        """Return how ``run`` ended, or that it is running: as long as its report is not there, or damaged."""
        ended = (status for status in _MARKS if self._has_ended(run, status))
        return next(ended, RunStatus.RUNNING)

    def _has_ended(self, run: str, status: RunStatus) -> bool:
        if status is RunStatus.COMPLETE:
            return self._readable(lambda: self.report(run))
        return self.store.exists(key_of(run, _MARKS[status]))

    def end(self, run: str, status: RunStatus, reason: str) -> None:
        """Write down that ``run`` was cancelled or failed, and why; then retire it."""
        self.note_end(run, status, reason)
        self.retire(run)

    def note_end(self, run: str, status: RunStatus, reason: str) -> None:
        """Write down that ``run`` was cancelled or failed, and why; the next reconcile retires it."""
        self._write(key_of(run, _MARKS[status]), {"reason": reason})

    def reopen(self, run: str) -> None:
        """Undo ``end``: the run may go on from its newest checkpoint, once somebody lets services move it."""
        self.settle(run)
        for status in (RunStatus.CANCELLED, RunStatus.FAILED):
            self.store.delete(key_of(run, _MARKS[status]))

    def end_reason(self, run: str, status: RunStatus) -> str:
        """Return why ``run`` was cancelled or failed; of a damaged mark, that it is damaged."""
        key = key_of(run, _MARKS[status])
        try:
            return str(self._read(key)["reason"])
        except (FormatError, KeyError) as error:
            return f"nobody can say any more, for {key} is damaged: {error}"

    def save_report(self, run: str, report: Mapping[str, Any]) -> None:
        """Write the final report, which completes the run."""
        self._write(key_of(run, "report.json"), report)
        self.retire(run)

    def report(self, run: str) -> dict[str, Any]:
        """Read the final report; raises FormatError if it is damaged, MissingObjectError if there is none."""
        key = key_of(run, "report.json")
        report = self._read(key)
        if report.get("run") != run:
            raise FormatError(f"{key} is damaged: it is of run {report.get('run')!r}")
        return report

    def damaged_report(self, run: str) -> str | None:
        """Return what is wrong with the report of ``run``, if there is one and it is damaged."""
        try:
            self.report(run)
        except FormatError as error:
            return str(error)
        except MissingObjectError:
            return None
        return None
