"""The page: how straight each curve is, then each axis with its tables and why it looks as it does."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from benchmarks.curves.axes import BASE, SMALL
from benchmarks.curves.measure import Curve, Plan
from benchmarks.operations import operations
from benchmarks.page import NOT_QUIET, machine, spread, table, versions

HEAD = """# Cost against work

`{command}` writes this page: what one job costs as one thing about it
grows, all else as in the base case: MAML of second order or a prototypical network, {n_way}-way {k_shot}-shot with
{n_query} queries a class, images of {image_size}x{image_size} (glyphs), Conv-4 of {channels} filters, {inner_steps}
inner step, jobs of {job_size} tasks, engine `{engine}`. A job is what a trainer does of it: φ and a file of episodes
are decoded, the contribution is computed and encoded. Each point is a process of its own with one thread, forked from
one that has done nothing but import; the points of an axis take turns, {rounds} rounds; medians (lowest to highest)."""

MEANINGS = """**Of the line**: the cost of a job over the straight line through the first and the last point; 1 is on
it. A line may start above zero: what does not grow (the query set, however many shots; what every job costs) keeps it
straight. **Exponent**: e of cost ~ work^e, by least squares; 1 is proportional, less is a part that does not grow.
**Convolutions**: what they alone take of the processor; **GFLOP** are theirs alone, **GFLOP/s** by all of a job's time.
**By the job**: memory at its highest beyond what the process held before its first job, compiled code included.
**Moved**: the file of episodes, φ and the contribution; a worker reads φ once a version, however many jobs it takes.
**Bytes, CPU ms**: to decode and encode them."""

COST = (
    "CPU ms a task",
    "CPU of the line",
    "convolutions, CPU ms a task",
    "tasks/s by the clock",
    "GFLOP a task",
    "GFLOP/s of CPU",
    "bytes, CPU ms a job",
)
HELD = (
    "memory, MB",
    "by the job, MB",
    "of the line",
    "episodes, kB",
    "unpacked, kB",
    "φ, kB",
    "contribution, kB",
    "moved, of the line",
)
SUMMARY = (
    "",
    "a line in",
    "CPU ms a job: without any",
    "for one more",
    "exponent",
    "furthest off the line",
    "memory: furthest off",
    "bytes moved: furthest off",
)


def written(curves: Sequence[Curve], command: str, plan: Plan, picture: str) -> Iterator[str]:
    """Yield the page, line by line; ``picture`` is the file that lies beside it, '' if there is none."""
    engine = curves[0].measured[0].engine
    base = SMALL if plan.quick else BASE
    yield from (HEAD.format(command=command, engine=engine, rounds=plan.rounds, **base), "")
    yield from (f"{machine()};", f"{versions()}.", NOT_QUIET, "")
    if picture:
        yield from (f"![CPU time, memory and bytes of a job against each thing that is varied]({picture})", "")
    yield from ("## How straight", "", MEANINGS, "")
    yield from table(SUMMARY, (_summary(each) for each in curves))
    for _, group in groupby(curves, key=lambda each: each.axis.name):
        yield from _section(list(group))


def _summary(curve: Curve) -> tuple[str, ...]:
    return (
        f"{curve.axis.title}, {curve.learner}",
        curve.axis.unit,
        f"{curve.cpu.start:.3g}",
        f"{curve.cpu.slope:.3g}",
        f"{curve.cpu.exponent:.2f}",
        *(f"{fit.worst:.2f}" for fit in (curve.cpu, curve.memory, curve.moved)),
    )


def _section(curves: Sequence[Curve]) -> Iterator[str]:
    axis = curves[0].axis
    yield from ("", f"## {axis.title}", "")
    if axis.why:
        yield from (axis.why, "")
    yield from table((f"`{axis.name}`", *COST), (row for each in curves for row in _costs(each)))
    yield ""
    yield from table((f"`{axis.name}`", *HELD), (row for each in curves for row in _held(each)))


def _costs(curve: Curve) -> Iterator[tuple[str, ...]]:
    for each, off in zip(curve.measured, curve.cpu.off, strict=True):
        tasks = each.point.values["job_size"]
        yield (
            _label(curve, each.point.value),
            spread([turn.cpu / tasks for turn in each.turns]),
            f"{off:.2f}",
            f"{each.convolving / tasks:.3g}",
            spread([1000 * tasks / turn.wall for turn in each.turns]),
            f"{operations(each.point.shape) / 1e9:.3g}",
            f"{each.speed / 1e9:.3g}",
            spread([turn.coding for turn in each.turns]),
        )


def _held(curve: Curve) -> Iterator[tuple[str, ...]]:
    for each, memory, moved in zip(curve.measured, curve.memory.off, curve.moved.off, strict=True):
        sizes = (each.moved.episodes, each.moved.unpacked, each.moved.phi, each.moved.contribution)
        yield (
            _label(curve, each.point.value),
            f"{each.peak / 1e6:.0f}",
            f"{each.memory / 1e6:.0f}",
            f"{memory:.2f}",
            *(f"{size / 1e3:,.1f}" for size in sizes),
            f"{moved:.2f}",
        )


def _label(curve: Curve, value: int) -> str:
    return f"{curve.learner}, {value}"
