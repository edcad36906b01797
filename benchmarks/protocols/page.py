"""The page of protocols, written from the facts and from the ready-made specs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.page import table
from benchmarks.protocols.compare import Comparison, compared
from benchmarks.protocols.figures import Figure, figures
from phiforge.spec.read import parse_spec, read_spec
from phiforge.spec.run import RunSpec

SPECS = Path(__file__).parents[2] / "specs"
INTRODUCTION = """# How published figures were made

Written by `python -m benchmarks.protocols` from `benchmarks/protocols/facts/`, and compared with it by a test.

An accuracy says little without the way it was measured. This page says of each published accuracy on Omniglot, 1-shot,
that we compare ourselves to, how it was made, and in what our ready-made specs differ from that. *Not stated* means
that the fact was found neither in the paper nor in the published code. A row is marked `published` only if every fact
is known and the same. Ours are bold where they differ.

Where our parts come nearer to a published figure than the ready-made spec does, a spec whose name begins with
`published` does so. Its budget is the published one, which takes days on two processor cores; the ready-made specs hold
what was found to be best within minutes. Where no ready-made spec is 20-way, as that of ProtoNet is, a 20-way figure
is compared with the 5-way spec whose `task.n_way` is 20. The [table of all learners](results/omniglot.md) is of specs
cut to a budget of 2,000 tasks, so its column `protocol` says other numbers.

What no spec of ours can say, such as pools of tasks or smoothed labels, stands below each table.

## All figures
"""
COLUMNS = ("figure", "published", "source", "our spec", "protocol", "nearest spec", "its protocol")


def page() -> Iterator[str]:
    """Yield the page, line by line."""
    yield from INTRODUCTION.splitlines()
    yield ""
    yield from table(COLUMNS, [_summary(figure) for figure in figures()])
    for figure in figures():
        yield from ["", *_section(figure)]


def spec_named(name: str, n_way: int) -> RunSpec:
    """Return a ready-made spec, for tasks of so many ways where it is of others."""
    raw = read_spec(SPECS / f"{name}.yaml")
    judged = parse_spec(raw).evaluation_task.n_way
    return parse_spec(raw if judged == n_way else of_ways(raw, n_way))


def of_ways(raw: Mapping[str, Any], n_way: int) -> dict[str, Any]:
    """Return a raw spec whose tasks, those that judge it too, are of so many ways."""
    evaluation = dict(raw["evaluation"])
    if evaluation.get("task"):
        evaluation["task"] = evaluation["task"] | {"n_way": n_way}
    return dict(raw) | {"task": raw["task"] | {"n_way": n_way}, "evaluation": evaluation}


def _summary(figure: Figure) -> tuple[str, ...]:
    nearest = figure.closest and f"`{figure.closest}`"
    protocol = _compared(figure, figure.closest).protocol if figure.closest else ""
    ours = _compared(figure, figure.spec).protocol
    return figure.name, f"{figure.accuracy} %", figure.paper, f"`{figure.spec}`", ours, nearest, protocol


def _compared(figure: Figure, name: str) -> Comparison:
    return compared(figure, spec_named(name, figure.n_way))


def _section(figure: Figure) -> Iterator[str]:
    names = [name for name in (figure.spec, figure.closest) if name]
    found = [_compared(figure, name) for name in names]
    yield from [f"## {figure.name}", "", f"{figure.accuracy} %: {figure.paper}{_code(figure)}.", ""]
    columns = ("fact", "published", "where it is said", *(f"`{name}`" for name in names))
    yield from table(columns, [_row(found, place) for place in range(len(found[0].rows))])
    if figure.besides:
        yield from ["", "What no spec says:", ""]
        yield from (f"* {what} ({source})" for what, source in figure.besides)


def _code(figure: Figure) -> str:
    return f"; published code: {figure.code}" if figure.code else ""


def _row(found: list[Comparison], place: int) -> tuple[str, ...]:
    rows = [each.rows[place] for each in found]
    cells = [f"**{row.ours}**" if row.differs else row.ours for row in rows]
    return rows[0].field, rows[0].published, rows[0].source, *cells
