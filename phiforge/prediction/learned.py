"""What was learned, and all that it takes to use it: the same wherever it was read from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from phiforge.base.errors import TaskError
from phiforge.learning.learners import Learner
from phiforge.learning.start import learner_for
from phiforge.learning.tensors import Tensors
from phiforge.registry import DATA, LEARNERS, PartConfig
from phiforge.spec.run import RunSpec
from phiforge.spec.task import Task
from phiforge.tasks.datasets.bases.pictures.decoding import Wanted


@dataclass(frozen=True)
class Learned:
    """φ of one version of a run.

    ``input_shape``: (channels, height, width) of one input. ``wanted``: how a picture becomes one, None if none can.
    ``inner_steps``: how many a validation chose for unseen tasks, None if it chose none. ``facts``: what a report says.
    """

    run: str
    version: int
    spec: RunSpec
    spec_hash: str
    phi: Tensors
    phi_hash: str
    input_shape: tuple[int, ...]
    train_classes: int
    wanted: Wanted | None
    inner_steps: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to(self, device: str) -> "Learned":
        """Return the same with φ on another device."""
        return replace(self, phi={name: value.to(device) for name, value in self.phi.items()})

    def learner(self, n_way: int) -> Learner:
        """Return F_φ for tasks of so many classes, computed by plain torch; raises TaskError if it serves no such."""
        self._expect_ways(n_way)
        return self.learner_for(self.spec.task.model_copy(update={"n_way": n_way}))

    def learner_for(self, task: Task) -> Learner:
        """Return F_φ for tasks of a shape that is known to be one of its own, computed by plain torch."""
        numerics = self.spec.numerics.model_copy(update={"engine": "torch"})
        spec = self.spec.model_copy(update={"numerics": numerics, "learner": self._config()})
        return learner_for(spec, task, self.input_shape, self.train_classes)

    def _config(self) -> PartConfig:
        if self.inner_steps is None:
            return self.spec.learner
        return self.spec.learner.model_copy(update={"inner_steps_evaluation": self.inner_steps})

    def _expect_ways(self, n_way: int) -> None:
        name, trained = self.spec.learner.name, self.spec.task.n_way
        if DATA[self.spec.data.name].reinforcement:
            raise TaskError(f"run {self.run!r} learned to act (data {self.spec.data.name!r}): it has no classes")
        if DATA[self.spec.data.name].regression:
            raise TaskError(f"run {self.run!r} learned regressions (data {self.spec.data.name!r}): it has no classes")
        if n_way < 2:
            raise TaskError(f"the support set has {n_way} class: allowed are 2 or more, one folder each")
        if n_way != trained and not LEARNERS[name].any_n_way:
            free = ", ".join(each for each, part in LEARNERS.working().items() if part.learns and part.any_n_way)
            raise TaskError(
                f"the support set has {n_way} classes, but learner {name!r} of run {self.run!r} has a head for "
                f"{trained}: give {trained} classes, train with task.n_way={n_way}, or train one that takes any "
                f"number: {free}"
            )
