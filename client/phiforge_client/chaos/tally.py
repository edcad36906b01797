"""What a campaign came to: for each kind of fault how often, how long until the run moved, whether φ noticed."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from rich import box
from rich.table import Table

from phiforge_client.chaos.campaign import Disturbed


class Row(NamedTuple):
    """One kind of fault: ``recoveries`` in seconds, from the end of the fault to the next committed version."""

    kind: str
    injected: int
    recoveries: list[float]
    equal: bool


def rows(runs: Sequence[Disturbed]) -> list[Row]:
    """Return a row for each kind; a kind's hashes are equal if those of every run are that it befell."""
    kinds = sorted({fault.kind for run in runs for fault in run.faults})
    return [_row(kind, [run for run in runs if any(fault.kind == kind for fault in run.faults)]) for kind in kinds]


def table(runs: Sequence[Disturbed]) -> Table:
    """Return the rows for a person."""
    shown = Table(title="faults, and whether φ noticed", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    shown.add_column("fault", no_wrap=True)
    for name in ("injected", "recovery: median", "worst", "hashes equal"):
        shown.add_column(name, justify="right", no_wrap=True)
    for row in rows(runs):
        shown.add_row(row.kind, str(row.injected), *_seconds(row.recoveries), "yes" if row.equal else "[red]NO[/red]")
    return shown


def _row(kind: str, runs: Sequence[Disturbed]) -> Row:
    faults = [fault for run in runs for fault in run.faults if fault.kind == kind]
    recoveries = [fault.recovery for fault in faults if fault.recovery is not None]
    return Row(kind, len(faults), recoveries, all(run.verdict.equal for run in runs))


def _seconds(recoveries: Sequence[float]) -> tuple[str, str]:
    if not recoveries:
        return "–", "–"
    return f"{statistics.median(recoveries):.1f} s", f"{max(recoveries):.1f} s"
