"""What every family of tasks promises: the same tasks for the same seed, of the shapes it says."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from phiforge.certify import worlds
from phiforge.certify.proof import Figure, Proof, count
from phiforge.registry import PartConfig
from phiforge.registry.abilities import DataPart
from phiforge.spec.task import Task
from phiforge.tasks.datasets.bases.dataset import SPLITS
from phiforge.tasks.episodes import EpisodeBatch
from phiforge.tasks.families import build_family

TASKS, K_SHOT, N_QUERY, WAYS = 3, 4, 5, 3


def proofs(part: type[DataPart]) -> Iterator[Proof]:
    """Yield the proofs of a family with its defaults."""
    config = part.Config(name=part.name)
    yield Proof("the same seed gives the same bytes", partial(same_bytes, part, config))
    yield Proof("another seed gives other tasks", partial(other_tasks, part, config))
    yield Proof("tasks are of the shapes that it says", partial(shapes, part, config))
    yield Proof("tasks are read back as they were written", partial(round_trip, part, config))
    yield Proof("inputs and targets are finite", partial(finite, part, config))
    if part.reinforcement:
        yield from worlds.proofs(config)
    if not part.regression and not part.reinforcement:
        yield Proof("every label comes as often as the others", partial(balance, part, config))


def same_bytes(part: type[DataPart], config: PartConfig) -> Figure:
    """Count the splits whose tasks differ when they are drawn twice."""
    return count(_tasks(part, config, split).to_bytes() != _tasks(part, config, split).to_bytes() for split in SPLITS)


def other_tasks(part: type[DataPart], config: PartConfig) -> Figure:
    """Count whether tasks of two seeds are the same."""
    return count([_tasks(part, config).to_bytes() == _tasks(part, config, seed=1).to_bytes()])


def shapes(part: type[DataPart], config: PartConfig) -> Figure:
    """Count the arrays whose shapes are not those of the tasks that were asked for."""
    batch, ways, shape = _tasks(part, config), _ways(part), part.example_shape(config)
    targets = (1,) if part.regression or part.reinforcement else ()
    return count(
        [
            batch.support_x.shape != (TASKS, ways * K_SHOT, *shape),
            batch.query_x.shape != (TASKS, ways * N_QUERY, *shape),
            batch.support_y.shape != (TASKS, ways * K_SHOT, *targets),
            batch.query_y.shape != (TASKS, ways * N_QUERY, *targets),
        ]
    )


def round_trip(part: type[DataPart], config: PartConfig) -> Figure:
    """Count the differences between the bytes of tasks and those of what is read from them."""
    data = _tasks(part, config).to_bytes()
    return count([EpisodeBatch.from_bytes(data).to_bytes() != data])


def finite(part: type[DataPart], config: PartConfig) -> Figure:
    """Count the arrays that hold what is no number."""
    batch = _tasks(part, config)
    arrays = (batch.support_x, batch.support_y, batch.query_x, batch.query_y)
    return count(not bool(np.isfinite(array).all()) for array in arrays)


def balance(part: type[DataPart], config: PartConfig) -> Figure:
    """Count the tasks in which a label comes more often than another."""
    batch = _tasks(part, config)
    pairs = ((batch.support_y, K_SHOT), (batch.query_y, N_QUERY))
    expected = {each: np.repeat(np.arange(_ways(part)), each) for _, each in pairs}
    return count(not np.array_equal(np.sort(row), expected[each]) for labels, each in pairs for row in labels)


def _tasks(part: type[DataPart], config: PartConfig, split: str = "train", seed: int = 0) -> EpisodeBatch:
    task = Task(n_way=_ways(part), k_shot=K_SHOT, n_query=N_QUERY)
    return build_family(config).sample(split, task, TASKS, "certify", seed)


def _ways(part: type[DataPart]) -> int:
    return 1 if part.regression or part.reinforcement else WAYS
