"""Learners that act: their tasks are worlds, and what they are judged by is what they gain there."""

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from phiforge.learning.learners.bases.learner import Learner, Outcome, TaskShape
from phiforge.tasks.families.bases.world import World


class ActingLearner(Learner):
    """A learner of policies. It is judged by its return; its loss is what it would have less of."""

    reinforces: ClassVar[bool] = True
    supervised: ClassVar[bool] = False
    averages: ClassVar[bool] = False

    def __init__(self, config: Any, shape: TaskShape) -> None:  # noqa: ANN401 - its own configuration
        super().__init__(config, shape)
        if not isinstance(shape.world, World):
            raise TypeError(f"learner {self.name!r} acts in worlds, and its tasks have none")
        self.world: World = shape.world

    @property
    def transductive(self) -> bool:
        """No: there are no queries beside each other."""
        return False

    def judged(self, loss: Tensor, returned: Tensor, further: Mapping[str, Tensor]) -> Outcome:
        """Return how a policy did: its ``loss``, the mean of what its trajectories ``returned`` [n], and more."""
        scores = {"mean_return": returned.mean(), **further}
        return Outcome(loss, {name: value.detach().double() for name, value in scores.items()})
