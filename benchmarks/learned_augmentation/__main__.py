"""Learned perturbation and augmentation beside none, on few classes of real Omniglot, by this process alone.

Each φ is kept in ``--home`` as it is done, and not computed again: a command that was stopped goes on where it was.

    python -m benchmarks.learned_augmentation [--tasks 640 --judged 150 --seeds 3] [--minutes 60] [--output FILE]
"""

import argparse
import time
from pathlib import Path
from typing import Any

from benchmarks.learned_augmentation.measure import Size, few, known, measured
from benchmarks.learned_augmentation.methods import METHODS, Cell, cells, spec_of
from benchmarks.learned_augmentation.pictures import draw_policies
from benchmarks.learned_augmentation.reading import PICTURE, READING
from benchmarks.learned_augmentation.results import page
from benchmarks.page import parser, publish, say
from phiforge.base.settings import Settings
from phiforge.tasks.datasets import build_source
from phiforge.tasks.pool import Pool


def main() -> None:
    """Compute what is missing, as far as the time goes, and write the page of what is there."""
    options = _options()
    size, wanted = Size(options.tasks, options.judged), cells(options.seeds)
    options.home.mkdir(parents=True, exist_ok=True)
    pool = few(Pool(build_source(spec_of(wanted[0], *size).data, Settings()).build()))
    found = computed(wanted, pool, options.home, size, options.minutes)
    publish([*page(found, size, options.home, READING), PICTURE], options.output)
    if options.output:
        learning = [name for name, method in METHODS.items() if method.policy_rate]
        draw_policies(learning, pool, options.home, size, options.output.with_suffix(".png"))


def computed(wanted: list[Cell], pool: Pool, home: Path, size: Size, minutes: float) -> dict[Cell, dict[str, Any]]:
    """Return what is known of the cells, and of those that are missing what can be begun in so many minutes."""
    found, began = {}, time.monotonic()
    for cell in wanted:
        each = known(cell, home, size)
        if each is None and time.monotonic() - began > 60 * minutes:
            continue
        found[cell] = each or measured(cell, pool, home, size)
        say(f"{cell.name}: {100 * found[cell]['accuracy']:.1f} %, {found[cell]['training_seconds']:.0f} s")
    say(f"{len(found)} of {len(wanted)} are there")
    return found


def _options() -> argparse.Namespace:
    arguments = parser(__doc__)
    arguments.add_argument("--home", type=Path, default=Path(".phiforge/learned-augmentation"))
    arguments.add_argument("--tasks", type=int, default=640)
    arguments.add_argument("--judged", type=int, default=150)
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--minutes", type=float, default=60, help="no cell is begun later")
    return arguments.parse_args()


if __name__ == "__main__":
    main()
