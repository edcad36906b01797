"""The question that all ways answer: which rate, weight decay and label smoothing should a fresh network learn with?"""

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

import torch

from phiforge.base.settings import Settings
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Learner, Mode
from phiforge.learning.learners.hyperparameters import in_words
from phiforge.learning.meta_training import judge
from phiforge.learning.repeatable import as_a_trainer
from phiforge.learning.start import first_phi, learner_for
from phiforge.registry import DATA
from phiforge.spec.read import parse_spec
from phiforge.spec.run import RunSpec
from phiforge.spec.studies.dimension import Dimension
from phiforge.spec.studies.space import Point, Space
from phiforge.tasks.datasets import build_source
from phiforge.tasks.drawing import Tasks
from phiforge.tasks.pool import Pool

SPACE = Space(
    {
        "learner.inner_lr": Dimension(type="log", low=1e-3, high=1.0),
        "learner.weight_decay": Dimension(type="log", low=1e-5, high=1e-1),
        "learner.label_smoothing": Dimension(type="log", low=0.01, high=0.5),
    }
)
MIDDLE = {field: math.sqrt(float(each.low or 0) * float(each.high or 0)) for field, each in SPACE.items()}
"""Where φ starts: the middle of what the studies search."""

DATASETS = {
    "glyphs": {"name": "glyphs", "image_size": 16},
    "omniglot": {"name": "omniglot", "image_size": 16},
}
STEPS = {"inner_steps": 5, "inner_steps_evaluation": 5}
NETWORK = {"name": "conv4", "channels": 8, "norm": "batch"}


class Size(NamedTuple):
    """How much is spent: training tasks of each way, tasks that judge what it found, and where its curve has points."""

    budget: int
    judged: int

    @property
    def marks(self) -> list[int]:
        """Return the numbers of tasks at which a curve has a point."""
        return [self.budget * part // 16 for part in (0, 1, 2, 4, 6, 8, 12, 16)]


class Answer(NamedTuple):
    """What hyper-parameters come to on the tasks that judge them."""

    loss: float
    accuracy: float


class Question:
    """One dataset, one seed, and the tasks that both name.

    Args:
        dataset: which one, by its name in ``DATASETS``.
        seed: of training tasks, of all that is drawn of them, and of a proposer.
        size: how much is spent.
        pool: the dataset, which all questions about it share.
    """

    def __init__(self, dataset: str, seed: int, size: Size, pool: Pool) -> None:
        self.dataset, self.seed, self.size = dataset, seed, size
        self._pool = pool
        self._single = self.tasks_of(self.spec({"outer": {"meta_batch": 1, "job_size": 1}}))

    def spec(self, changes: Mapping[str, Any], point: Point = MIDDLE) -> RunSpec:
        """Return the run with hyper-parameters at ``point``, with ``changes`` to its sections."""
        learner = {field.removeprefix("learner."): value for field, value in point.items()}
        raw: dict[str, Any] = {
            "seed": self.seed,
            "data": DATASETS[self.dataset],
            "task": {"n_way": 5, "k_shot": 5, "n_query": 5},
            "learner": {"name": "hyperparameters", "network": NETWORK} | STEPS | learner,
            "evaluation": {"validation_tasks": self.size.judged, "chunk_size": self.size.judged, "test_tasks": 2},
            "numerics": {"engine": "torch"},
        }
        return parse_spec(raw | dict(changes))

    def tasks_of(self, spec: RunSpec) -> Tasks:
        """Return the tasks that a spec draws of the dataset."""
        return Tasks(spec, pool=self._pool)

    def cost(self, point: Point, first: int, upto: int) -> float:
        """Return the summed query loss of training tasks ``first`` to ``upto`` under fixed hyper-parameters."""
        spec = self.spec({}, point)
        learner = self._learner(spec)
        phi, total = first_phi(spec, learner), 0.0
        with torch.no_grad(), as_a_trainer():
            for place in range(first, upto):
                [task] = self._single.training(place, 0)
                draws = torch_generator(self.seed, "trial", place)
                total += learner.query_outcome(phi, task, Mode(training=True), draws).loss.item()
        return total

    def answer(self, point: Point) -> Answer:
        """Return what hyper-parameters come to on validation tasks, the same for all ways and seeds."""
        spec = self.spec({}, point)
        found = judge(spec, first_phi(spec, self._learner(spec)), self.judged)
        return Answer(found["loss"].mean, found["accuracy"].mean)

    @cached_property
    def judged(self) -> list[Any]:
        """Validation tasks, the same for all ways and seeds."""
        return list(self._single.judged("validation"))

    def _learner(self, spec: RunSpec) -> Learner:
        return learner_for(spec, spec.task, DATA[spec.data.name].input_shape(spec.data))


def pool_of(dataset: str) -> Pool:
    """Return a dataset; raises DataError if it cannot be had here."""
    config = parse_spec({"data": DATASETS[dataset]}).data
    return Pool(build_source(config, Settings()).build())


def point_of(phi: Mapping[str, torch.Tensor]) -> Point:
    """Return the hyper-parameters that φ holds, as a member of the space."""
    return {f"learner.{name}": value for name, value in in_words(phi).items()}
