"""A comparison of runs, for a person and for a program."""

from collections.abc import Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from rich.console import Console
from rich.table import Table

from phiforge_client.results import figures
from phiforge_client.results.comparison import Paired
from phiforge_client.results.findings import Findings
from phiforge_client.results.spec_differences import differing
from phiforge_client.run_ids import shortened

WIDTH = 46
"""Letters of an id: with the figures beside it a line fits 80 columns."""

NOTE = "Differences are on the same test tasks; p is of a sign-flip test, corrected after Holm; * marks p below 0.05."


def print_comparison(console: Console, found: Sequence[Findings], pairs: Sequence[Paired], score: str) -> None:
    """Print each run's test score, each pair's difference, and where the specs differ."""
    console.print(_scores(found, score))
    console.print()
    console.print(_differences(found, pairs, score))
    console.print(NOTE)
    if rows := differing([run.submitted.spec for run in found]):
        console.print()
        console.print(_specs(found, rows))


def to_json(found: Sequence[Findings], pairs: Sequence[Paired], score: str) -> dict[str, Any]:
    """Return the comparison as JSON values, without the differences of single tasks."""
    runs = [run.run for run in found]
    fields = differing([run.submitted.spec for run in found])
    return {
        "score": score,
        "runs": {run.run: {name: run.test[name] for name in (score, f"{score}_ci95")} for run in found if run.test},
        "pairs": [
            {name: value for name, value in pair._asdict().items() if name != "values"} | {"differ": pair.differ}
            for pair in pairs
        ],
        "specs": {path: dict(zip(runs, values, strict=True)) for path, values in fields},
    }


def write_pictures(folder: Path, found: Sequence[Findings], pairs: Sequence[Paired], score: str) -> list[Path]:
    """Write the curves of all runs, and a picture of each pair's differences, as PNGs; return where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    title = "On tasks of classes never trained on"
    drawn = {f"{score}-by-tasks": figures.curves(found, score, figures.by_tasks, title, "tasks seen")}
    for pair in pairs:
        title = f"{pair.first} minus {pair.second}"
        drawn[f"{pair.first}-minus-{pair.second}"] = figures.differences(pair.values, score, title)
    for name, png in drawn.items():
        (folder / f"{name}.png").write_bytes(png)
    return [folder / f"{name}.png" for name in drawn]


def _scores(found: Sequence[Findings], score: str) -> Table:
    table = Table("", "run", f"test {score}", "tasks seen", box=None, pad_edge=False)
    for letter, run in zip(_letters(found).values(), found, strict=True):
        if run.test:
            shown = _said(run.test[score], run.test[f"{score}_ci95"], score)
            table.add_row(letter, shortened(run.run, WIDTH), shown, f"{run.validation[-1].tasks:,}")
    return table


def _differences(found: Sequence[Findings], pairs: Sequence[Paired], score: str) -> Table:
    table = Table("", "difference", "higher on", "lower on", "p", box=None, pad_edge=False)
    letters = _letters(found)
    for pair in pairs:
        table.add_row(
            f"{letters[pair.first]} - {letters[pair.second]}",
            _said(pair.mean, pair.ci95, score),
            f"{100 * pair.higher:.0f} %",
            f"{100 * pair.lower:.0f} %",
            f"{pair.p_corrected:.4f}{' *' if pair.differ else ''}",
        )
    return table


def _said(mean: float, half: float, score: str) -> str:
    return f"{100 * mean:.1f} ± {100 * half:.1f} %" if score == "accuracy" else f"{mean:.4g} ± {half:.2g}"


def _specs(found: Sequence[Findings], rows: Sequence[tuple[str, list[str]]]) -> Table:
    table = Table("field", *_letters(found).values(), box=None, pad_edge=False)
    for path, values in rows:
        table.add_row(path, *values)
    return table


def _letters(found: Sequence[Findings]) -> dict[str, str]:
    """Return by which letter each run is called where there is no room for its id."""
    return {run.run: _letter(index) for index, run in enumerate(found)}


def _letter(index: int) -> str:
    more, last = divmod(index, len(ascii_uppercase))
    return (_letter(more - 1) if more else "") + ascii_uppercase[last]
