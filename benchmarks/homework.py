"""The course's homework on real Omniglot: four marks, whether each is reached, and after how many minutes.

An embedded stack of two trainers of one thread each. State stays in ``--home``: what is complete is not run again, what
was interrupted goes on from its last checkpoint.

    python -m benchmarks.homework [--output docs/results/homework.md]
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from benchmarks.omniglot import complete
from benchmarks.page import NOT_QUIET, machine, parser, publish, table, versions
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.spec.read import read_spec
from phiforge_client.results import figures
from phiforge_client.results.findings import Findings, Point, Scores, findings
from phiforge_client.stack import Stack
from phiforge_client.table import percent

TRAINERS = 2


class Mark(NamedTuple):
    """One of the homework's marks: the accuracy that it asks for, by the run of which spec."""

    spec: str
    accuracy: float
    by: str


MARKS = (
    Mark("homework-transfer", 0.6, "transfer: one network for all training characters, a new head for each task"),
    Mark("homework-first-order", 0.7, "first-order MAML"),
    Mark("homework-maml", 0.9, "MAML"),
    Mark("homework-maml-augmented", 0.95, "MAML with task augmentation: rotations and mirror images are classes"),
)
COLUMNS = (
    "mark",
    "by",
    "spec",
    "test accuracy",
    "inner steps",
    "tasks seen",
    "minutes of training",
    "minutes to the mark",
)
PAGE = """# The course's homework

`python -m benchmarks.homework` writes this page. Real Omniglot, one half of the characters to learn from and the other
to be judged by, 5-way 1-shot, the 600 test tasks of each run's best version by validation; the mean and its 95 %
interval. As the homework says: Conv-4 of 64 filters, an inner step of 0.4 in training, Adam of 1e-3, 600 updates of 32
tasks. It takes three steps on unseen tasks; here their number is chosen on validation tasks. Transfer has 600 updates
of 4 tasks of 60 ways.

"Minutes to the mark" is when a version was committed that came to it on the validation tasks, of which every 50th is
judged (100th with transfer). Minutes go by the clock, with all that the machine had to do besides."""
READING = """
As it was run: transfer and first-order MAML began while other work held both cores, and first-order MAML was
interrupted for an hour and a half, so their minutes say nothing of a machine to itself; the other two had it. Transfer
comes to its mark before any training: a new head on a random network does that on 5-way 1-shot."""
"""Of the run that was seen; whoever runs it again writes it again."""


def main() -> None:
    """Bring every run to its end, then print the page and draw what the homework asks for."""
    arguments = parser(__doc__)
    arguments.add_argument("--home", type=Path, default=Path(".phiforge/homework"))
    options = arguments.parse_args()
    settings, console = Settings(home=options.home), Console()
    with Stack(settings, TRAINERS) as stack:
        platform = Platform.open(settings)
        found = [
            findings(platform, _run(complete(platform, read_spec(Path("specs") / f"{mark.spec}.yaml"), console, stack)))
            for mark in MARKS
        ]
    pictures = _draw(found, options.output) if options.output else []
    rows = [_row(mark, run) for mark, run in zip(MARKS, found, strict=True)]
    made = f"{machine()};\n{versions()}. {NOT_QUIET}"
    publish([PAGE, "", *table(COLUMNS, rows), "", *pictures, made, READING], options.output)


def _run(report: Scores | str) -> str:
    """Return the run that a report is of; raises SystemExit with why there is none."""
    if isinstance(report, str):
        raise SystemExit(f"a run failed: {report}")
    return str(report["run"])


def _row(mark: Mark, run: Findings) -> tuple[str, ...]:
    """Return what one run came to."""
    report = run.report or {}
    accuracy = float(report["test"]["accuracy"])
    steps = (report.get("inner_steps") or {}).get("chosen", "")
    return (
        f"{mark.accuracy} {'reached' if accuracy >= mark.accuracy else 'missed'}",
        mark.by,
        f"`specs/{mark.spec}.yaml`",
        percent(accuracy, report["test"]["accuracy_ci95"]),
        str(steps),
        f"{report['tasks_seen']:,}",
        f"{run.cost.minutes:.1f}",
        minutes_to(mark.accuracy, run.validation),
    )


def minutes_to(accuracy: float, validation: Sequence[Point]) -> str:
    """Return the minutes of training until a version was committed that has an accuracy; 'not in this run' if none."""
    reached = (point.minutes for point in validation if point.scores["accuracy"] >= accuracy)
    minutes = next(reached, None)
    return "not in this run" if minutes is None else f"{minutes:.1f}"


def _draw(found: Sequence[Findings], page: Path) -> list[str]:
    """Write the two plots that the homework asks for beside its page; return how the page shows them."""
    drawn = {
        "tasks": figures.curves(found, "accuracy", figures.by_tasks, "Accuracy against tasks seen", "tasks seen"),
        "inner steps": figures.inner_steps(found, "accuracy"),
    }
    shown = []
    for name, picture in drawn.items():
        if picture:
            path = page.with_name(f"{page.stem}-{name.replace(' ', '-')}.png")
            path.write_bytes(picture)
            shown += [f"![accuracy against {name}]({path.name})", ""]
    return shown


if __name__ == "__main__":
    main()
