"""How many episodes a core draws a second: in memory, and written (compressed, hashed) to a local store.

A meta-batch of 20-way episodes of 1 + 15 drawings of 28x28 at a time, from real Omniglot (``PHIFORGE_OMNIGLOT``) or, if
that is not there, from noise of its size.

    python -m benchmarks.sampling [--episodes 32] [--rounds 30] [--output docs/results/sampling.md]
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from benchmarks.page import NOT_QUIET, machine, parser, publish, spread, table, versions
from phiforge.base.settings import Settings
from phiforge.fleet.memory import keep_freed_memory
from phiforge.runs.store import LocalStore
from phiforge.spec.task import Task
from phiforge.tasks.datasets.bases.dataset import Dataset, SourceClass, TaskClass
from phiforge.tasks.datasets.omniglot import Omniglot, OmniglotData
from phiforge.tasks.pool import Pool
from phiforge.tasks.sampling import sample_batch

TASK = Task(n_way=20, k_shot=1, n_query=15)
CHARACTERS, DRAWINGS = 1623, 20
KEPT = 8
"""Meta-batches that lie in the store: without end, each would be written to memory that was never used before."""

PAGE = """# How fast episodes are drawn

`python -m benchmarks.sampling` writes this page: 20-way episodes of 1 + 15 drawings of 28x28, {episodes} at a time as
for one meta-batch, from {dataset}; {rounds} times each; median (lowest to highest). Written means compressed, hashed
and put into a local store, which deletes those of {kept} meta-batches ago, as runs do unless told otherwise."""


def main() -> None:
    """Measure and print."""
    arguments = parser(__doc__)
    arguments.add_argument("--episodes", type=int, default=32, help="episodes of a meta-batch")
    arguments.add_argument("--rounds", type=int, default=30)
    options = arguments.parse_args()
    keep_freed_memory()
    pool = Pool(dataset())
    rates = measured(pool, options.episodes, options.rounds)
    head = PAGE.format(episodes=options.episodes, rounds=options.rounds, dataset=pool.dataset.name, kept=KEPT)
    publish(written(head, rates), options.output)


def measured(pool: Pool, episodes: int, rounds: int) -> dict[str, list[float]]:
    """Return episodes a second of a core: drawn, and drawn and written."""
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(Path(folder))

        def draw(number: int) -> None:
            sample_batch(pool, "train", TASK, episodes, number)

        def write(number: int) -> None:
            store.put(f"episodes/{number}", sample_batch(pool, "train", TASK, episodes, number).to_bytes())
            store.delete(f"episodes/{number - KEPT}")

        actions = {"in memory": draw, "written": write}
        return {name: [episodes / each for each in timed(action, rounds)] for name, action in actions.items()}


def written(head: str, rates: Mapping[str, list[float]]) -> Iterator[str]:
    """Yield the page, line by line."""
    yield from (head, "", f"{machine()};", f"{versions()}.", NOT_QUIET, "")
    rows = ((name, spread(values, form=",.0f")) for name, values in rates.items())
    yield from table(("", "episodes a core-second"), rows)


def timed(action: Callable[[int], None], rounds: int) -> list[float]:
    """Return the seconds of a core that each of ``rounds`` calls took, after one that warms up."""
    action(0)
    seconds = []
    for number in range(1, rounds + 1):
        start = time.process_time()
        action(number)
        seconds.append(time.process_time() - start)
    return seconds


def dataset() -> Dataset:
    """Return Omniglot from its folder, else noise of its size."""
    if (settings := Settings()).omniglot:
        return Omniglot(OmniglotData(), settings).build()
    images = np.random.default_rng(0).integers(0, 256, (CHARACTERS * DRAWINGS, 1, 28, 28), np.uint8)
    classes = tuple(SourceClass(str(number), number * DRAWINGS, DRAWINGS) for number in range(CHARACTERS))
    turned = tuple(TaskClass(source, turn) for source in range(CHARACTERS) for turn in range(4))
    return Dataset("noise of Omniglot's size", images, classes, {"train": turned})


if __name__ == "__main__":
    main()
