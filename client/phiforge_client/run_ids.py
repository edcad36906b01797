"""A run's id where there is little room for it; ``phiforge.runs.run_ids`` finds the run that one means."""

from phiforge.runs.run_ids import CUT


def shortened(run: str, width: int) -> str:
    """Return an id in at most ``width`` letters if it has a last part to be known by: its beginning, '…', and that."""
    last = run.rpartition("-")[2]
    beginning = width - len(CUT) - len(last) - 1
    return run if len(run) <= width else f"{run[: max(beginning, 0)]}{CUT}-{last}"
