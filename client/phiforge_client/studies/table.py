"""Studies and their trials as tables of at most 80 columns where there is no more room."""

from rich.console import Console
from rich.table import Table

from phiforge.runs.studies.outcome import Proposal, Result
from phiforge_client.run_ids import shortened
from phiforge_client.studies.view import StudyView
from phiforge_client.table import whole

_ID_WIDTH = 26


def print_studies(console: Console, views: list[StudyView]) -> None:
    """Print a row a study."""
    shown, wide = _table("study", "status", "trials", "tasks", "best", "trial"), whole(console)
    for view in views:
        best = view.best
        shown.add_row(
            shortened(view.record.study, _ID_WIDTH if console.is_terminal else len(view.record.study)),
            view.status,
            str(len(view.found.results)),
            f"{view.found.tasks:,}",
            "–" if best is None else figure(best.value),
            "–" if best is None else str(best.number),
        )
    wide.print(shown, highlight=False)


def print_study(console: Console, view: StudyView) -> None:
    """Print how a study stands, and a row a trial."""
    console.print(sentence(view), highlight=False, soft_wrap=True)
    if not view.found.proposals:
        return
    shown, wide = _table("trial", "end", *(aim.score for aim in view.spec.aims), "version"), whole(console)
    shown.add_column("tried", overflow="fold")
    for proposal in view.found.proposals:
        shown.add_row(*_row(view, proposal))
    wide.print(shown, highlight=False)


def sentence(view: StudyView) -> str:
    """Return in one line how a study stands."""
    best, objective = view.best, view.spec.objective
    going = sum(each.number not in view.found.results for each in view.found.proposals)
    found = f"best {objective.score} {figure(best.value)} of trial {best.number}" if best else "nothing found yet"
    if view.front:
        found = f"no other dominates trials {', '.join(map(str, view.shown))}"
    more = f"; {going} trials go on or wait" if going and not view.over else ""
    why = f" ({view.reason})" if view.reason else ""
    order = "; asynchronous: depends on the order in which trials end" if view.spec.is_asynchronous else ""
    return f"{view.record.study}: {view.status}{why}; {view.budget}; {found}{more}{order}"


def figure(value: float | None) -> str:
    """Spell a value of the objective."""
    return "–" if value is None else f"{value:.4g}"


def _row(view: StudyView, proposal: Proposal) -> tuple[str, ...]:
    result = view.found.results.get(proposal.number)
    tried = " ".join(f"{_short(field)}={_value(value)}" for field, value in proposal.point.items())
    mark = "*" if proposal.number in view.shown else ""
    values = [figure(value_at(result, aim.score)) for aim in view.spec.aims]
    end, version = ("–", "–") if result is None else (result.end, str(result.version))
    return (f"{proposal.number}{mark}", end, *values, version, tried)


def value_at(result: Result | None, score: str) -> float | None:
    """Return an objective of a trial; None if it has none."""
    if result is None or result.value is None:
        return None
    return {**result.scores, **result.measures}.get(score, result.value)


def _short(field: str) -> str:
    """Return the last part of a field's path."""
    return field.rpartition(".")[2]


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _table(*headings: str) -> Table:
    shown = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in headings:
        left = heading in ("study", "status", "end")
        shown.add_column(heading, justify="left" if left else "right", no_wrap=True)
    return shown
