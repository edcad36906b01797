"""Minutes until 95 and 98 % of 5-way 1-shot on real Omniglot: the pipeline against learn2learn and EasyFSL.

Each method trains by itself on the same two cores. A curve is written as JSON after every judged version; a method
whose curve is whole is not measured again, so that the same command goes on where it stopped. Peers are installed on
first use.

    python -m benchmarks.time_to_accuracy [--limit 12] [--seed 0] [--methods maml learn2learn] [--output FILE]
"""

import os
import shlex
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from benchmarks.page import machine, parser, publish, say
from benchmarks.peers.install import NotInstalledError, python_of
from benchmarks.time_to_accuracy import peer, pipeline
from benchmarks.time_to_accuracy.curve import Curve, Point
from benchmarks.time_to_accuracy.methods import METHODS, Method
from benchmarks.time_to_accuracy.picture import draw
from benchmarks.time_to_accuracy.plan import Budget, Plan
from benchmarks.time_to_accuracy.report import written

CORES = 2


def main() -> None:
    """Measure what has no curve yet, then print, write and draw."""
    arguments = parser(__doc__)
    usual = Budget()
    arguments.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    arguments.add_argument("--limit", type=float, default=usual.minutes, metavar="MINUTES", help="of each method")
    arguments.add_argument("--seed", type=int, nargs="+", default=[usual.seed], help="one curve of a method for each")
    arguments.add_argument("--judged", type=int, default=usual.judged, help="how often φ is judged")
    arguments.add_argument("--tasks", type=int, default=usual.validation_tasks, help="validation tasks that judge")
    arguments.add_argument("--times", type=float, default=usual.times, help="how many times the spec's versions")
    arguments.add_argument("--home", type=Path, default=Path(".phiforge/time-to-accuracy"), help="where curves lie")
    arguments.add_argument("--cache", type=Path, default=Path(".phiforge/peers"), help="where peers are installed")
    options = arguments.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    budgets = [Budget(options.limit, options.judged, options.tasks, seed, options.times) for seed in options.seed]
    curves, absent = list[Curve](), dict[str, str]()
    for budget in budgets:
        for name in options.methods:
            path = options.home / f"{name}-seed{budget.seed}.json"
            try:
                curves.append(complete(METHODS[name], budget, path, options.cache.resolve()))
            except (NotInstalledError, OSError, RuntimeError) as reason:
                absent[name] = str(reason)
    picture = options.output and curves and options.output.with_suffix(".png")
    if picture:
        draw(curves, picture)
    command = shlex.join(["python", "-m", "benchmarks.time_to_accuracy", *sys.argv[1:]])
    publish(written(curves, absent, command, budgets[0], picture.name if picture else ""), options.output)


def complete(method: Method, budget: Budget, path: Path, cache: Path) -> Curve:
    """Return a method's curve, measured if the one that lies under ``path`` is not whole or is of other settings."""
    plan = plan_of(method.spec, budget)
    if path.exists():
        found = Curve.load(path)
        if found.ended and found.settings == plan.settings:
            return found
    curve = Curve(method.name, budget.seed, plan.settings)
    for point in points(method, plan, cache):
        curve.points.append(point)
        curve.save(path)
    last = curve.points[-1]
    curve.ended = (peer.why_over(last, plan) if method.peer else plan.why_over(last)) or "the limit"
    curve.machine = machine()
    curve.save(path)
    return curve


@cache
def plan_of(spec: str, budget: Budget) -> Plan:
    """Return the plan of a spec, made once."""
    say(f"reading the images of {spec}")
    return Plan(spec, budget)


def points(method: Method, plan: Plan, cache: Path) -> Iterator[Point]:
    """Yield a method's points as they are judged."""
    say(f"{method.title}, seed {plan.budget.seed}: at most {plan.budget.minutes:g} minutes")
    return peer.points(plan, method, python_of(method.peer, cache)) if method.peer else pipeline.points(plan)


if __name__ == "__main__":
    main()
