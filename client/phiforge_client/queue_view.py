"""``phiforge queue``: who runs, who waits, for what, and roughly until when."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from phiforge.runs.platform import RunPlatform
from phiforge.runs.waiting.entry import Entry
from phiforge.runs.waiting.line import Where
from phiforge.runs.waiting.policy import Policy, read_policy
from phiforge.runs.waiting.wish import Labels
from phiforge_client.forecast import Span, forecast
from phiforge_client.run_view import RunView
from phiforge_client.table import IN_A_PIPE, clock, labelled
from phiforge_client.view import readable_views
from phiforge_client.waiting_view import Turn, turns_of

_UNKNOWN = Span(None, None)
_ORDER = (Where.READY, Where.AFTER, Where.HELD)


class Row(NamedTuple):
    """One run of the queue: what it does or waits for, and when, in seconds from now."""

    run: str
    status: str
    priority: int
    labels: Labels
    span: Span

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return self._asdict() | {"labels": dict(self.labels), "span": self.span._asdict()}


class QueueView(NamedTuple):
    """The queue at one moment: first who is active, then who waits, in order of their turns."""

    policy: Policy
    rows: list[Row]
    counts: Counter[str]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"policy": self.policy._asdict(), "runs": [row.to_json() for row in self.rows], "counts": self.counts}


def queue_view(platform: RunPlatform) -> QueueView:
    """Return who runs and who waits; what it costs does not grow with the runs that are over."""
    active = readable_views(platform, platform.record.active())
    going = {view.run for view in active}
    turns = sorted(
        (turn for run, turn in turns_of(platform).items() if run not in going),
        key=lambda turn: (_ORDER.index(turn.waiting.where), turn.waiting.entry.name),
    )
    ready = [turn.waiting.entry for turn in turns if turn.waiting.where is Where.READY]
    spans = dict(zip((entry.run for entry in ready), forecast(active, ready), strict=True))
    rows = [_row_of_active(platform, view) for view in active]
    rows += [_row_of_waiting(turn, spans) for turn in turns]
    counts = Counter({"active": len(active)} | Counter(str(turn.waiting.where) for turn in turns))
    return QueueView(read_policy(platform.store), rows, counts)


def _row_of_active(platform: RunPlatform, view: RunView) -> Row:
    entry = Entry.parse(platform.record.entry_of(view.run))
    priority, labels = (entry.priority, entry.labels) if entry else (0, ())
    return Row(view.run, view.status, priority, labels, Span(None, view.seconds_left))


def _row_of_waiting(turn: Turn, spans: dict[str, Span]) -> Row:
    entry = turn.waiting.entry
    return Row(entry.run, turn.words, entry.priority, entry.labels, spans.get(entry.run, _UNKNOWN))


def sentence(view: QueueView) -> str:
    """Return in one line how many run and wait, and by which rule."""
    counts = view.counts
    waits = [f"{counts[Where.READY]} wait for their turn"]
    waits += [f"{counts[Where.AFTER]} for another run"] if counts[Where.AFTER] else []
    waits += [f"{counts[Where.HELD]} held"] if counts[Where.HELD] else []
    at_once = view.policy.at_once
    rule = f"{at_once} at once" if at_once else "as many at once as keep every trainer busy"
    share = f", shared fairly between the values of {view.policy.share!r}" if view.policy.share else ""
    return f"{counts['active']} active, {', '.join(waits)}; {rule}{share}"


def print_queue(console: Console, view: QueueView) -> None:
    """Print the queue: to a terminal as it fits, to a pipe whole."""
    console.print(sentence(view), highlight=False, soft_wrap=True)
    if not view.rows:
        return
    wide = console if console.is_terminal else Console(file=console.file, width=IN_A_PIPE)
    wide.print(_table(view.rows), highlight=False)


def _table(rows: Sequence[Row]) -> Table:
    shown = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for heading, justify in (("run", "left"), ("status", "left"), ("priority", "right"), ("labels", "left")):
        shown.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for heading in ("starts in", "ends in"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        labels = labelled(row.labels) or "–"
        shown.add_row(row.run, row.status, str(row.priority), labels, _in(row.span.starts), _in(row.span.ends))
    return shown


def _in(seconds: float | None) -> str:
    return "–" if seconds is None else clock(seconds)
