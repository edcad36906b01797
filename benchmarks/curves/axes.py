"""The curves: what is varied around one base case, and where a straight line is to be expected."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from benchmarks.curves import reasons
from benchmarks.operations import Shape

Values = Mapping[str, int]

BASE = {"n_way": 5, "k_shot": 1, "n_query": 15, "inner_steps": 1, "image_size": 28, "channels": 64, "job_size": 4}
SMALL = BASE | {"n_query": 3, "image_size": 16, "channels": 8, "job_size": 2}
"""The base of a quick run."""

MAML, PROTONET = "MAML", "ProtoNet"
LEARNERS = {MAML: "maml", PROTONET: "prototypical"}


class Axis(NamedTuple):
    """One thing that is varied.

    ``work`` gives of a point, and of the parameters of its φ, what cost should be a straight line in; ``unit`` names
    it; ``why`` explains what the tables show.
    """

    name: str
    title: str
    values: tuple[int, ...]
    quick: tuple[int, ...]
    learners: tuple[str, ...]
    unit: str
    why: str
    work: Callable[[Values, int], float] | None = None

    def work_of(self, values: Values, parameters: int) -> float:
        """Return the place of a point on the axis."""
        return self.work(values, parameters) if self.work else float(values[self.name])


class Point(NamedTuple):
    """One case that is measured: a learner with its values, of which ``axis`` is varied."""

    axis: Axis
    learner: str
    values: Values

    @property
    def value(self) -> int:
        """The value of what is varied."""
        return self.values[self.axis.name]

    @property
    def shape(self) -> Shape:
        """What decides the number of operations."""
        ways, steps = self.values["n_way"], self.values["inner_steps"] if self.learner == MAML else 0
        support, query = ways * self.values["k_shot"], ways * self.values["n_query"]
        return Shape(support, query, steps, side=self.values["image_size"], channels=self.values["channels"])


AXES = (
    Axis("n_way", "Ways", (2, 5, 10, 20, 40), (2, 3, 4), (MAML, PROTONET), "ways", reasons.WAYS),
    Axis("k_shot", "Shots", (1, 2, 5, 10, 20), (1, 2, 3), (MAML, PROTONET), "shots", reasons.SHOTS),
    Axis("inner_steps", "Inner steps", (1, 2, 3, 5, 10), (1, 2, 3), (MAML,), "steps", reasons.STEPS),
    Axis(
        "image_size",
        "Image size",
        (16, 28, 42, 56, 84),
        (16, 20, 24),
        (MAML, PROTONET),
        "pixels",
        reasons.IMAGES,
        lambda values, parameters: values["image_size"] ** 2,
    ),
    Axis(
        "channels",
        "Size of φ (channels)",
        (16, 32, 64, 96, 128),
        (4, 8, 16),
        (MAML, PROTONET),
        "parameters of φ",
        reasons.CHANNELS,
        lambda values, parameters: parameters,
    ),
    Axis("job_size", "Tasks a job", (1, 2, 4, 8, 16, 32), (1, 2, 4), (MAML, PROTONET), "tasks", reasons.JOBS),
)


def points(axis: Axis, *, quick: bool = False) -> Iterator[Point]:
    """Yield the points of an axis."""
    for learner in axis.learners:
        for value in axis.quick if quick else axis.values:
            yield Point(axis, learner, (SMALL if quick else BASE) | {axis.name: value})


def raw_spec(point: Point, engine: str, drawings: int) -> dict[str, Any]:
    """Return the run that a point's job is of: glyphs, each letter drawn ``drawings`` times."""
    values = point.values
    learner: dict[str, Any] = {
        "name": LEARNERS[point.learner],
        "network": {"name": "conv4", "channels": values["channels"]},
    }
    if point.learner == MAML:
        learner["inner_steps"] = values["inner_steps"]
    return {
        "name": "curves",
        "data": {"name": "glyphs", "drawings": drawings, "image_size": values["image_size"]},
        "task": {name: values[name] for name in ("n_way", "k_shot", "n_query")},
        "learner": learner,
        "outer": {"meta_batch": values["job_size"], "job_size": values["job_size"]},
        "evaluation": {"chunk_size": 1},
        "numerics": {"engine": engine},
    }
