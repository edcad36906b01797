"""Accuracy against the share of wrong support labels, with and without weights of examples, by this process alone.

Each φ is kept in ``--home`` as it is done, and not computed again: a command that was stopped goes on where it was.

    python -m benchmarks.label_noise [--tasks 640 --judged 100 --seeds 3] [--minutes 25] [--output FILE]
"""

import time
from pathlib import Path
from typing import Any

from benchmarks.label_noise.examples import draw_examples
from benchmarks.label_noise.measure import known, measured
from benchmarks.label_noise.methods import Cell, cells, spec_of
from benchmarks.label_noise.results import draw, page
from benchmarks.page import machine, parser, publish, say, versions
from phiforge.base.settings import Settings
from phiforge.tasks.datasets import build_source
from phiforge.tasks.pool import Pool

INTRODUCTION = """# Wrong labels

Written by `python -m benchmarks.label_noise`. 5-way 5-shot on `glyphs` of 16x16, 5 queries a class, Conv-4 of 16
filters, {tasks} training tasks for every method, the last φ, {judged} test tasks of unseen classes, the same for all.
Of each class's five support examples the share given has a wrong label, any other one of the task. Query labels are
right. Mean over the seeds that were run, in per cent, in brackets the lowest and the highest. MAML and both learners
with weights take 5 inner steps of 0.1, in second order. Learning to reweight is told of one example of each class that
its label is right, which nobody else is told.

{machine}; {versions}.
"""


def main() -> None:
    """Compute what is missing, as far as the time goes, and write the page of what is there."""
    arguments = parser(__doc__)
    arguments.add_argument("--home", type=Path, default=Path(".phiforge/label-noise"))
    arguments.add_argument("--tasks", type=int, default=640)
    arguments.add_argument("--judged", type=int, default=100)
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--minutes", type=float, default=60, help="no cell is begun later")
    options = arguments.parse_args()
    options.home.mkdir(parents=True, exist_ok=True)
    wanted = cells(options.seeds)
    pool = Pool(build_source(spec_of(wanted[0], options.tasks, options.judged).data, Settings()).build())
    found: dict[Cell, dict[str, Any]] = {}
    began = time.monotonic()
    for cell in wanted:
        each = known(cell, options.home, options.tasks, options.judged)
        if each is None and time.monotonic() - began > 60 * options.minutes:
            continue
        found[cell] = each or measured(cell, pool, options.home, options.tasks, options.judged)
        said = {share: round(100 * each["mean"], 1) for share, each in found[cell]["accuracy"].items()}
        say(f"{cell.name}: {said}, {found[cell]['training_seconds']:.0f} s")
    say(f"{len(found)} of {len(wanted)} are there")
    figures = {"tasks": options.tasks, "judged": options.judged}
    introduction = INTRODUCTION.format(**figures, machine=machine(), versions=versions())
    publish(page(found, introduction), options.output)
    if options.output:
        draw(found, options.output.with_suffix(".png"))
        draw_examples(pool, options, options.output.with_name(options.output.stem + "-weights.png"))


if __name__ == "__main__":
    main()
