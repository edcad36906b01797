"""The doctor's answer for a person."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from phiforge_client.doctor.finding import Finding, State
from phiforge_client.table import whole

_STYLES = {State.OK: "green", State.WARN: "yellow", State.FAIL: "bold red"}


def print_finding(console: Console, found: Finding) -> None:
    """Print one line, and below it what to do."""
    wide = whole(console)
    wide.print(Text.assemble((f"{found.state:4}", _STYLES[found.state]), f"  {found.what}: {_one_line(found.found)}"))
    if found.do:
        wide.print(Text(f"      → {_one_line(found.do)}"))


def summary(found: Sequence[Finding]) -> str:
    """Return how many are how."""
    counts = Counter(each.state for each in found)
    return ", ".join(f"{counts[state]} {state}" for state in State)


def _one_line(text: str) -> str:
    return " ".join(text.split())
