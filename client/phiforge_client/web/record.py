"""What the web view tells of the record: what the commands tell, and the curve of a run."""

from collections.abc import Mapping
from typing import Any

from phiforge.runs.platform import RunPlatform
from phiforge.runs.run_ids import run_of
from phiforge_client.queue_view import queue_view
from phiforge_client.results.findings import tasks_at
from phiforge_client.shown import shown_of
from phiforge_client.studies.view import all_studies, to_json, view_of_study
from phiforge_client.view import all_views, readable_views


def runs(platform: RunPlatform) -> Any:  # noqa: ANN401 - JSON values
    """Return every run, as ``phiforge runs --json`` does."""
    return [view.to_json() for view in all_views(platform)]


def queue(platform: RunPlatform) -> Any:  # noqa: ANN401
    """Return the queue, as ``phiforge queue --json`` does."""
    return queue_view(platform).to_json()


def run(platform: RunPlatform, given: str) -> Any:  # noqa: ANN401
    """Return a run, as ``phiforge show`` does, with where it is and its curve; raises RunError if it is unknown."""
    name = run_of(platform.record, given)
    now = readable_views(platform, [name])[0].to_json()
    return shown_of(platform, name) | {"now": now, "curve": curve(platform, name)}


def curve(platform: RunPlatform, name: str) -> list[dict[str, Any]]:
    """Return the validation scores of each version that was judged, and after how many tasks; empty if none was."""
    record = platform.record
    submitted, judged = record.submitted(name), record.scored(name, "validation")
    return [_point(tasks_at(submitted, version), record.scores(name, "validation", version)) for version in judged]


def _point(tasks: int, scores: Mapping[str, Any]) -> dict[str, Any]:
    """Return scores with the tasks that φ was learned from, in place of those that it was judged by."""
    return {name: value for name, value in scores.items() if name != "per_task"} | {"tasks": tasks}


def studies(platform: RunPlatform) -> Any:  # noqa: ANN401
    """Return every study that can be read, and why others cannot."""
    views, unreadable = all_studies(platform)
    return {"studies": [to_json(view) for view in views], "unreadable": unreadable}


def study(platform: RunPlatform, name: str) -> Any:  # noqa: ANN401
    """Return a study; raises StudyError if it is unknown."""
    view = view_of_study(platform, name)
    return to_json(view) | {"objective": view.spec.objective.score, "goal": str(view.spec.objective.goal)}
