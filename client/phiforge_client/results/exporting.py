"""Runs' records written for a tracker of experiments: once, or again as the runs go on."""

import time
from collections.abc import Sequence
from pathlib import Path

from phiforge.runs.platform import RunPlatform
from phiforge.runs.record import RunStatus
from phiforge_client.results.findings import findings
from phiforge_client.results.trackers import Writer

SECONDS = 5.0
"""Between two looks at runs that go on."""


def exported(platform: RunPlatform, runs: Sequence[str], write: Writer, folder: Path) -> dict[str, Path]:
    """Return the file of each run, written; raises RunError of one that has no scores yet, StoreError if it cannot."""
    return {run: write(findings(platform, run), folder) for run in runs}


def followed(
    platform: RunPlatform, runs: Sequence[str], write: Writer, folder: Path, seconds: float = SECONDS
) -> dict[str, Path]:
    """Return the file of each run that has one in the end, after writing them again until all runs are over.

    A run that ends before anything of it was judged has none.
    """
    files: dict[str, Path] = {}
    left = list(runs)
    while left:
        going = [run for run in left if platform.record.status(run) is RunStatus.RUNNING]
        for run in left:
            if platform.record.scored(run, "validation"):
                files[run] = write(findings(platform, run), folder)
        left = going
        if left:
            time.sleep(seconds)
    return {run: files[run] for run in runs if run in files}
