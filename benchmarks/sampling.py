"""How many episodes a core draws a second: in memory, and written (compressed, hashed) to a local store.

A meta-batch of 20-way episodes of 1 + 15 drawings of 28x28 at a time, from real Omniglot (``PHIFORGE_OMNIGLOT``) or, if
that is not there, from noise of its size.

    python -m benchmarks.sampling [--episodes 32] [--rounds 30]
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from phiforge.memory import keep_freed_memory
from phiforge.settings import Settings
from phiforge.spec.data import OmniglotData
from phiforge.spec.task import Task
from phiforge.store import LocalStore
from sampler.datasets import Dataset, SourceClass, TaskClass
from sampler.datasets.omniglot import Omniglot
from sampler.pool import Pool
from sampler.sampling import sample_batch

TASK = Task(n_way=20, k_shot=1, n_query=15)
CHARACTERS, DRAWINGS = 1623, 20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=32, help="episodes of a meta-batch")
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    keep_freed_memory()
    pool = Pool(dataset())
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(Path(folder))

        def draw(number: int) -> None:
            sample_batch(pool, "train", TASK, options.episodes, number)

        def write(number: int) -> None:
            store.put(f"episodes/{number}", sample_batch(pool, "train", TASK, options.episodes, number).to_bytes())

        table = Table(title=f"{pool.dataset.name}: 20-way episodes of 1 + 15 drawings, {options.episodes} at a time")
        for column in ("", "episodes a core-second, median", "slowest", "fastest"):
            table.add_column(column, justify="right" if column else "left")
        for name, action in (("in memory", draw), ("written", write)):
            rates = [options.episodes / seconds for seconds in timed(action, options.rounds)]
            table.add_row(name, *(f"{each:,.0f}" for each in (statistics.median(rates), min(rates), max(rates))))
    Console().print(table)


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
    folder = Settings().omniglot
    if folder:
        return Omniglot(OmniglotData(), folder, folder, None).build()
    images = np.random.default_rng(0).integers(0, 256, (CHARACTERS * DRAWINGS, 1, 28, 28), np.uint8)
    classes = tuple(SourceClass(str(number), number * DRAWINGS, DRAWINGS) for number in range(CHARACTERS))
    turned = tuple(TaskClass(source, turn) for source in range(CHARACTERS) for turn in range(4))
    return Dataset("noise of Omniglot's size", images, classes, {"train": turned})


if __name__ == "__main__":
    main()
