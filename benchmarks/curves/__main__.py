"""Cost against work: tasks/s, memory and bytes moved against ways, shots, inner steps, image size, size of φ, job size.

Each point is a job as a trainer does it, in a process of its own with one thread; the points of an axis take turns.
Writes a page and, beside it, a picture.

    python -m benchmarks.curves [--rounds 5] [--axes n_way k_shot] [--engine fused] [--output docs/results/curves.md]
"""

import os
import shlex
import sys
from typing import get_args

from benchmarks.curves.axes import AXES
from benchmarks.curves.measure import Plan, measured
from benchmarks.curves.picture import draw
from benchmarks.curves.report import written
from benchmarks.page import parser, publish
from phiforge.spec.task import Engine


def main() -> None:
    """Measure, print, write and draw."""
    arguments = parser(__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--axes", nargs="+", choices=[axis.name for axis in AXES], default=None)
    arguments.add_argument("--engine", choices=["auto", *get_args(Engine)], default="auto")
    arguments.add_argument("--quick", action="store_true", help="tiny cases, one round: does it run at all")
    options = arguments.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    plan = Plan(options.engine, options.rounds)
    if options.quick:
        plan = plan._replace(rounds=1, seconds=0.01, quick=True)
    curves = measured([axis for axis in AXES if not options.axes or axis.name in options.axes], plan)
    picture = options.output and options.output.with_suffix(".png")
    if picture:
        draw(curves, picture)
    command = shlex.join(["python", "-m", "benchmarks.curves", *sys.argv[1:]])
    publish(written(curves, command, plan, picture.name if picture else ""), options.output)


if __name__ == "__main__":
    main()
