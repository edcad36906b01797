"""A controller that REINFORCE trains (Williams 1992; Zoph and Le 2017): probabilities of choices, for what did well.

∇J = E[(R − b) ∇ log p(point)], with R minus the cost, in deviations of all costs so far, and b its moving average.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from phiforge.registry import PartConfig
from phiforge.search.history import Told
from phiforge.search.proposers.bases.proposer import Proposer
from phiforge.spec.studies.dimension import position_of
from phiforge.spec.studies.space import Point

Logits = dict[str, NDArray[np.float64]]

MOST_OPTIONS = 100
"""Values of a whole number that are told apart."""


class ControllerConfig(PartConfig):
    """How fast it learns."""

    name: Literal["controller"] = "controller"
    lr: float = Field(default=0.5, gt=0, description="Rate of the logits.")
    decay: float = Field(default=0.8, ge=0, lt=1, description="Of the moving average that rewards are compared with.")


class Controller(Proposer):
    """One softmax for each field; the published controller is a recurrent network that sees the choices before."""

    Config = ControllerConfig
    config: ControllerConfig
    one_by_one = False

    @classmethod
    def refuses(cls, config: Any, space: Any, generation: int) -> Iterator[str]:  # noqa: ANN401 - its own; a Space
        """Refuse numbers of more values than it can give probabilities."""
        for field, each in space.items():
            if not each.is_choice and each.size > MOST_OPTIONS:
                few = f"choices, and whole numbers of at most {MOST_OPTIONS} values"
                yield f"'controller' takes {few}, which {field} is not; allowed with it: random, tpe"

    def propose(self, history: Sequence[Told], numbers: range) -> list[Point]:
        """Return points drawn from the probabilities that the generations before led to."""
        logits = self._learned(history)

        def value_of(number: int, field: str) -> Any:  # noqa: ANN401 - any value of a spec
            summed = np.cumsum(_softmax(logits[field]))
            chosen = int(np.searchsorted(summed, self.drawn(number, field) * summed[-1], side="right"))
            return self._options(field)[min(chosen, len(summed) - 1)]

        return [self.space.filled(lambda field, number=number: value_of(number, field)) for number in numbers]  # type: ignore[misc]

    def _options(self, field: str) -> list[Any]:
        return self.space[field].points(MOST_OPTIONS)

    def _learned(self, history: Sequence[Told]) -> Logits:
        """Return the logits after one step a generation, from equal ones."""
        logits = {field: np.zeros(len(self._options(field))) for field in self.space}
        rewards = _rewards(history)
        baseline: float | None = None
        for _, group in groupby(history, key=lambda told: told.generation):
            told = list(group)
            mean = float(np.mean([rewards[each.number] for each in told]))
            baseline = mean if baseline is None else baseline
            logits = self._stepped(logits, told, {each.number: rewards[each.number] - baseline for each in told})
            baseline = self.config.decay * baseline + (1 - self.config.decay) * mean
        return logits

    def _stepped(self, logits: Logits, told: Sequence[Told], advantages: dict[int, float]) -> Logits:
        moved = {field: each.copy() for field, each in logits.items()}
        for each in told:
            for field, value in each.point.items():
                gradient = -_softmax(logits[field])
                gradient[position_of(value, self._options(field))] += 1
                moved[field] += self.config.lr * advantages[each.number] * gradient / len(told)
        return moved


def _rewards(history: Sequence[Told]) -> dict[int, float]:
    """Return minus the cost of each trial, in deviations of all; one that failed did as badly as the worst."""
    costs = [each.cost for each in history if each.cost is not None]
    worst, scale = max(costs, default=0.0), float(np.std(costs)) if costs else 0.0
    return {each.number: -(worst if each.cost is None else each.cost) / (scale or 1.0) for each in history}


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers: NDArray[np.float64] = np.exp(logits - logits.max())
    summed: NDArray[np.float64] = powers / powers.sum()
    return summed
