"""The rows of `phiforge runs`: one a run, whatever became of what is recorded of it."""

from collections.abc import Sequence

from client.view import RunView, view_of
from phiforge.base.errors import FormatError, IncapableWorkerError, MissingObjectError
from phiforge.runs.platform import RunPlatform


def views_of(platform: RunPlatform, runs: Sequence[str]) -> list[RunView]:
    """Return where each of ``runs`` is; of one that cannot be read, which object says so."""
    return [_view_or_damage(platform, run) for run in runs]


def _view_or_damage(platform: RunPlatform, run: str) -> RunView:
    try:
        return view_of(platform, run)
    except (FormatError, IncapableWorkerError, MissingObjectError) as error:
        return RunView(run, f"unreadable: {error}", 0, 0, 0.0, None, None, 0.0, None)
