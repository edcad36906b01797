"""How many versions of a run fit into so many minutes: measured here, by the arithmetic that trainers do."""

import time
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from phiforge.registry import DATA
from phiforge.spec.read import parse_spec
from phiforge.spec.run import RunSpec

if TYPE_CHECKING:
    from phiforge.tasks.episodes import Episode

MINUTES = 15.0
_FOR_TRAINING = 0.75
"""Share of the processors' time that trainers get; the rest goes to drawing tasks, judging and moving φ."""
_TYPICAL = 650.0
"""Images of 32 x 32 a second and processor, by Conv-4 of 64 filters: as measured on a machine with much else to do."""
_TIMED, _FIRST = 3, 2
"""Versions that are timed, after the first ones, in which loops are compiled."""
FEWEST, MOST = 200, 20_000
"""Versions of a suggested spec, however little or much time there is."""


class Budget(NamedTuple):
    """How long a run may take: minutes of the clock, on so many processors, one trainer each."""

    minutes: float = MINUTES
    processors: int = 2

    def shared_by(self, jobs: int) -> "Budget":
        """Return what a run may use of it whose versions have so many ``jobs``: none is shared."""
        return self._replace(processors=min(self.processors, jobs))

    def versions(self, seconds: float) -> int:
        """Return how many versions fit, a multiple of 100, if one takes so many ``seconds`` of a processor."""
        there = self.minutes * 60 * self.processors * _FOR_TRAINING
        return max(FEWEST, min(MOST, int(there / seconds) // 100 * 100))


def typical_seconds(spec: Mapping[str, Any]) -> float:
    """Return about how many seconds of a processor a version of ``spec`` takes, without measuring."""
    task, side = spec["task"], spec["data"]["image_size"]
    images = spec["outer"]["meta_batch"] * task["n_way"] * (task["k_shot"] + task["n_query"])
    return float(images * (side / 32) ** 2 / _TYPICAL)


def measured_seconds(spec: Mapping[str, Any]) -> float:
    """Return how many seconds of this processor a version of ``spec`` takes: of a few versions, on images of noise."""
    from phiforge.learning.meta_training import meta_train
    from phiforge.runs.settling import settled

    run = settled(parse_spec(spec), "cpu")
    versions = meta_train(run, lambda version, job: _noise(run))
    for _ in islice(versions, 1 + _FIRST):
        pass
    began = time.process_time()
    for _ in islice(versions, _TIMED):
        pass
    return (time.process_time() - began) / _TIMED


def _noise(spec: RunSpec) -> "list[Episode]":
    """Return the episodes of a job, of noise."""
    import torch

    from phiforge.tasks.episodes import Episode

    task, shape = spec.task, DATA[spec.data.name].input_shape(spec.data)
    classes = torch.arange(task.n_way)

    def labelled(examples: int) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.rand(task.n_way * examples, *shape), classes.repeat_interleave(examples)

    return [Episode(*labelled(task.k_shot), *labelled(task.n_query), classes) for _ in range(spec.outer.job_tasks)]
