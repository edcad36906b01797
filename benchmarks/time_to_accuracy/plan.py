"""What all methods by one spec share: the spec with its seed, the images, the validation tasks, when φ is judged."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.time_to_accuracy.curve import Point
from phiforge.base.settings import Settings
from phiforge.learning.meta_training import judge
from phiforge.learning.optimizers.bases.rates import learning_rate
from phiforge.learning.start import first_phi, learner_for
from phiforge.learning.tensors import Tensors
from phiforge.registry import DATA
from phiforge.runs.settling import settled
from phiforge.spec.read import parse_spec, read_spec
from phiforge.spec.run import RunSpec
from phiforge.tasks.datasets import build_source
from phiforge.tasks.drawing import Tasks
from phiforge.tasks.pool import Pool


class Budget(NamedTuple):
    """How long each method may train, how often and on how many tasks φ is judged, with which seed.

    ``times``: how many times as many versions as the spec's, so that the outer rate falls as much slower.
    """

    minutes: float = 12.0
    judged: int = 50
    validation_tasks: int = 200
    seed: int = 0
    times: float = 1.0


class Plan:
    """One spec, as it is trained and judged by every method."""

    def __init__(self, spec: str, budget: Budget) -> None:
        self.budget = budget
        self.raw = measured(read_spec(Path("specs") / f"{spec}.yaml"), budget)
        self.spec: RunSpec = settled(parse_spec(self.raw), "cpu")
        self._pool = Pool(build_source(self.spec.data, Settings()).build())
        self._validation = list(Tasks(self.spec, pool=self._pool).judged("validation"))

    @property
    def marks(self) -> list[int]:
        """The versions that are judged: the first, and then at even steps."""
        return list(range(0, self.spec.outer.versions + 1, self.spec.checkpoint.every))

    @property
    def settings(self) -> dict[str, Any]:
        """What a curve must have been measured with to be of this plan."""
        return {"spec_hash": self.spec.hash, "minutes": self.budget.minutes}

    def why_over(self, point: Point) -> str:
        """Return why there may be no version after that of ``point``; '' if there may."""
        if point.version >= self.marks[-1]:
            return "its last version"
        return "the limit" if point.minutes >= self.budget.minutes else ""

    def rates(self) -> list[float]:
        """Return the outer learning rate of every version."""
        return [learning_rate(self.spec.outer, version) for version in range(self.spec.outer.versions)]

    def first_phi(self) -> Tensors:
        """Return φ₀, which every method starts from."""
        input_shape = DATA[self.spec.data.name].input_shape(self.spec.data)
        return first_phi(self.spec, learner_for(self.spec, self.spec.task, input_shape))

    def write_images(self, path: Path) -> None:
        """Write all training images, uint8 [images, 1, 28, 28], and the class of each."""
        first, drawings, turns = self._pool.table("train")
        numbers = first[:, None] + np.arange(drawings.min())
        origin = np.stack([numbers, np.broadcast_to(turns[:, None], numbers.shape)], axis=-1).astype(np.int32)
        images = self._pool.images(origin)
        np.savez(path, x=images.reshape(-1, *images.shape[2:]), y=np.repeat(np.arange(len(first)), drawings.min()))

    def judged(self, version: int, seconds: float, phi: Tensors) -> Point:
        """Return how φ of a version does on the validation tasks."""
        found = judge(self.spec, phi, self._validation)["accuracy"]
        return Point(version, version * self.spec.outer.tasks, seconds / 60, found.mean, found.ci95)


def measured(raw: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
    """Return a raw spec as it is measured: a run judges nothing itself, and writes φ where it is judged later."""
    versions = round(raw["outer"]["versions"] * budget.times)
    return {
        **raw,
        "seed": budget.seed,
        "outer": raw["outer"] | {"versions": versions},
        "checkpoint": {"every": max(1, versions // budget.judged)},
        "evaluation": raw["evaluation"] | {"every": 2 * versions, "validation_tasks": budget.validation_tasks},
    }
