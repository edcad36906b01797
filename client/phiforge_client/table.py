"""Runs as a table, or a line each where there is no room for one."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from phiforge.runs.waiting.wish import Labels
from phiforge_client.run_ids import shortened
from phiforge_client.run_view import RunView

IN_A_PIPE = 1000
"""Columns of what is no terminal: nothing is shortened there."""

_HEADINGS = ("run", "status", "version", "tasks/s", "L(φ)", "accuracy", "left")
_JUDGED = _HEADINGS.index("accuracy")
_SHORTEST_ID = 10
_WIDEST_STATUS = 20
"""Letters; a longer one, such as why a run stands, is folded."""
_GAP = 1


class Row(NamedTuple):
    """The cells of one run."""

    run: str
    status: str
    version: str
    rate: str
    loss: str
    judged: str
    left: str
    labels: str


def row(view: RunView) -> Row:
    """Return a run's cells; what it was judged by says which split it is of."""
    going = view.status == "running"
    loss = "–" if view.loss is None else f"{view.loss:.3f}"
    left = clock(view.seconds_left) if going and view.seconds_left is not None else "–"
    rate = f"{view.tasks_per_second:.1f}" if going else "–"
    version = "–" if view.version is None else str(view.version)
    return Row(
        view.run, view.status, f"{version}/{view.versions}", rate, loss, _judged(view), left, labelled(view.labels)
    )


def _judged(view: RunView) -> str:
    """Spell the accuracy, or the return of a run that learns to act."""
    if view.mean_return is not None:
        return f"{view.split} return {view.mean_return:.2f} ± {view.mean_return_ci95:.2f}"
    return "–" if view.accuracy is None else f"{view.split} {percent(view.accuracy, view.accuracy_ci95)}"


def headings(views: Sequence[RunView]) -> tuple[str, ...]:
    """Return what stands above the cells: no return is called an accuracy."""
    kinds = [("accuracy", any(view.accuracy is not None for view in views))]
    kinds += [("return", any(view.mean_return is not None for view in views))]
    judged = " or ".join(kind for kind, there in kinds if there) or "accuracy"
    return (*_HEADINGS[:_JUDGED], judged, *_HEADINGS[_JUDGED + 1 :])


def line(view: RunView) -> str:
    """Return a run on one line."""
    return "  ".join(filter(None, row(view)))


def table(views: Sequence[RunView], columns: int) -> Table | Text:
    """Return one row a run, of at most ``columns`` letters: ids are shortened before any figure is.

    Labels stand beside the figures in a pipe, below the id on a terminal. Where the figures do not fit beside each
    other, each run is a line that may be folded.
    """
    rows = [row(view) for view in views]
    above = headings(views)
    widths = [max(map(len, cells)) for cells in zip(above, *(each[:-1] for each in rows), strict=True)]
    widths[1] = min(widths[1], _WIDEST_STATUS)
    room = columns - sum(widths[1:]) - _GAP * (len(widths) - 1)
    if room < _SHORTEST_ID:
        return Text("\n".join(map(line, views)))
    shown = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False)
    for heading, width in zip(above, widths, strict=True):
        folded = heading in ("run", "status") and columns < IN_A_PIPE
        shown.add_column(
            heading,
            justify="left" if heading in _HEADINGS[:2] else "right",
            no_wrap=not folded,
            max_width=(room if heading == "run" else width) if folded else None,
        )
    beside = columns >= IN_A_PIPE and any(each.labels for each in rows)
    if beside:
        shown.add_column("labels", no_wrap=True)
    for each in rows:
        below = "" if beside or not each.labels else f"\n {each.labels}"
        shown.add_row(shortened(each.run, room) + below, *(each if beside else each[:-1])[1:])
    return shown


def labelled(labels: Labels) -> str:
    """Spell labels as they are given."""
    return " ".join(f"{name}={value}" for name, value in labels)


def print_table(console: Console, views: Sequence[RunView]) -> None:
    """Print the table: to a terminal as it fits, to a pipe whole."""
    wide = whole(console)
    wide.print(table(views, wide.width), highlight=False)


def whole(console: Console) -> Console:
    """Return a console that cuts and folds nothing where the output is no terminal: whoever reads is a program."""
    return console if console.is_terminal or console.quiet else Console(file=console.file, width=IN_A_PIPE)


def percent(accuracy: float, ci95: float) -> str:
    """Spell an accuracy and the half width of its 95 % interval."""
    return f"{100 * accuracy:.1f} ± {100 * ci95:.1f} %"


def clock(seconds: float) -> str:
    """Spell seconds as minutes and seconds."""
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02d}"
