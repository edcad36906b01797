"""What ``phiforge show`` and the web view say of one run."""

from typing import Any

from phiforge.runs.not_finite import not_finite_steps
from phiforge.runs.platform import RunPlatform
from phiforge.runs.record import RunStatus
from phiforge_client.cells.found import network_json
from phiforge_client.waiting_view import words_of


def shown_of(platform: RunPlatform, run: str) -> dict[str, Any]:
    """Return a run's spec, and its report or why it ended, as JSON values; raises RunError if it is unknown."""
    submitted = platform.record.submitted(run)
    status = platform.record.status(run)
    shown: dict[str, Any] = {
        "run": run,
        "status": status,
        "dataset": submitted.dataset,
        "spec": submitted.spec,
    }
    shown |= network_json(submitted.spec)
    if submitted.tries_steps:
        shown["inner_steps_evaluation"] = "chosen on validation tasks, as the spec gave no number"
    if waits := words_of(platform, run) if status is RunStatus.RUNNING else None:
        shown["status"] = waits
    if wished := submitted.wish.to_json():
        shown["queue"] = wished
    if submitted.parent:
        shown["parent"] = submitted.parent._asdict()
    return shown | _ending(platform, run, status)


def _ending(platform: RunPlatform, run: str, status: RunStatus) -> dict[str, Any]:
    ending: dict[str, Any] = {}
    if status is RunStatus.COMPLETE:
        ending["report"] = platform.record.report(run)
    elif status is not RunStatus.RUNNING:
        ending["reason"] = platform.record.end_reason(run, status)
    elif damaged := platform.record.damaged_report(run):
        ending["reason"] = f"{damaged}; `phiforge resume {run}` has it written again"
    if status is RunStatus.FAILED and (kept := not_finite_steps(platform.store, run)):
        ending["not_finite"] = [found.model_dump() for found in kept]
        ending["replay"] = f"phiforge replay {run}"
    return ending
