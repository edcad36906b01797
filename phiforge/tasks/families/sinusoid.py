"""Sinusoid tasks: drawn from a formula, so there is no dataset to publish."""

import numpy as np

from phiforge.base.seeds import SeedPart, numpy_generator
from phiforge.spec.data import SinusoidData
from phiforge.spec.task import Task
from phiforge.tasks.episodes import EpisodeBatch


def sample_sinusoids(config: SinusoidData, task: Task, episodes: int, *seed: SeedPart) -> EpisodeBatch:
    """Return ``episodes`` tasks y = A sin(x - p) of ``k_shot`` support and ``n_query`` query points each."""
    x = np.empty((episodes, task.drawings, 1), dtype=np.float32)
    y = np.empty_like(x)
    for index in range(episodes):
        generator = numpy_generator(*seed, index)
        amplitude, phase = generator.uniform(*config.amplitudes), generator.uniform(*config.phases)
        points = generator.uniform(*config.inputs, size=(task.drawings, 1))
        x[index], y[index] = points, amplitude * np.sin(points - phase)
    support, query = slice(0, task.k_shot), slice(task.k_shot, None)
    return EpisodeBatch(
        support_x=x[:, support],
        support_y=y[:, support],
        query_x=x[:, query],
        query_y=y[:, query],
        classes=np.empty((episodes, 0), dtype=np.int64),
        origin=np.empty((episodes, 0, 2), dtype=np.int32),
    )
