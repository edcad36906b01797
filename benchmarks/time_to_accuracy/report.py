"""The page of all curves: minutes and tasks to each mark, and what a peer's minutes are to ours."""

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.page import NOT_QUIET, table, versions
from benchmarks.peers.install import RECIPES
from benchmarks.time_to_accuracy.curve import Curve
from benchmarks.time_to_accuracy.methods import MARKS, METHODS, ours_beside
from benchmarks.time_to_accuracy.plan import Budget
from phiforge_client.table import percent

COLUMNS = (
    "method",
    "seed",
    *(f"minutes to {mark:.0%}" for mark in MARKS),
    *(f"tasks to {mark:.0%}" for mark in MARKS),
    "tasks/s",
    "last judged",
    "after minutes",
    "ended by",
)
NOT = "not reached"
PAGE = """# Time to accuracy

`{command}` writes this page.

It shows minutes of training until 95 and 98 % accuracy on validation tasks, 5-way 1-shot on real Omniglot. Ours goes
through the whole pipeline: Redis, an S3 server, a sampler, an evaluator, two trainers of one thread each. The others
are the usual loops of learn2learn's MAML (its Taskset, clone and adapt) and of EasyFSL's PrototypicalNetworks (its
TaskSampler in a DataLoader), one process of two threads, images in its memory. All have the same two cores, one after
the other.

The same for both methods of a kind, from the shipped spec: the split of characters and the images, φ₀, Conv-4 of 64
filters, tasks a step and their shape, Adam with the same rate at every step and the same clipping, inner rate and
steps. EasyFSL's scores are distances where ours are their squares: that is its own. Which tasks are drawn is everyone's
own affair.

φ is judged after the same numbers of tasks, about {judged} times, on the same {validation} validation tasks, by the
same code of ours. Judging is counted for nobody: peers' clocks stand still meanwhile, and ours is judged when it is
over, so that it goes on past 98 % where peers stop. Nor is reading pictures counted, nor starting processes, nor what
peers do before their first step; what our servers and checkpoints take is, from when the run is put in the queue. An
accuracy is reached where the straight line between two judged versions first comes to it. A method has at most
{minutes:g} minutes."""


def written(
    curves: Sequence[Curve], absent: Mapping[str, str], command: str, budget: Budget, picture: str
) -> Iterator[str]:
    """Yield the page, line by line; ``absent`` says why a method has no curve."""
    yield PAGE.format(command=command, judged=budget.judged, validation=budget.validation_tasks, minutes=budget.minutes)
    yield ""
    yield from table(COLUMNS, [_row(curve) for curve in curves])
    for method, why in absent.items():
        yield from ("", f"{METHODS[method].title}: not measured: {why}")
    yield from compared(curves)
    if picture:
        yield from ("", f"![accuracy against minutes and against tasks]({picture})")
    yield from ("", *dict.fromkeys(f"{curve.machine}." for curve in curves if curve.machine))
    peers = ", ".join(f"{part.replace('==', ' ')}" for part in _pinned())
    yield f"{versions()}; peers: {peers}."
    yield NOT_QUIET


def compared(curves: Sequence[Curve]) -> Iterator[str]:
    """Say by how much ours of the same seed is sooner than a peer, at every mark that both reached."""
    found = {(curve.method, curve.seed): curve for curve in curves}
    for curve in curves:
        method = METHODS[curve.method]
        ours = found.get((ours_beside(method).name, curve.seed))
        if not method.peer or ours is None:
            continue
        for mark in MARKS:
            mine, its = ours.minutes_to(mark), curve.minutes_to(mark)
            if mine and its:
                seed = f" (seed {curve.seed})" if curve.seed else ""
                yield from ("", f"{method.title}, takes {its / mine:.2f} times our minutes to {mark:.0%}{seed}.")


def _row(curve: Curve) -> tuple[str, ...]:
    last = curve.points[-1]
    minutes, tasks = ([of(mark) for mark in MARKS] for of in (curve.minutes_to, curve.tasks_to))
    return (
        METHODS[curve.method].title,
        str(curve.seed),
        *(NOT if each is None else f"{each:.2f}" for each in minutes),
        *(NOT if each is None else f"{each:,.0f}" for each in tasks),
        f"{curve.tasks_a_second:.1f}",
        percent(last.accuracy, last.ci95),
        f"{last.minutes:.2f}",
        curve.ended or "not over",
    )


def _pinned() -> list[str]:
    return [RECIPES["learn2learn"].built, RECIPES["easyfsl"].bare[-1]]
