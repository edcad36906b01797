"""What an estimator is: how L(φ) is minimised, cut into what one job computes and how jobs are put together."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from phiforge.base.errors import FormatError
from phiforge.base.seeds import SeedPart
from phiforge.learning.learners import Learner, Outcome, Phi
from phiforge.learning.networks.bases.normalisation import is_statistic
from phiforge.learning.tensors import Tensors, decode, encode, with_prefix, without_prefix
from phiforge.registry.abilities import EstimatorPart
from phiforge.spec.run import RunSpec
from phiforge.tasks.episodes import Episode


@dataclass(frozen=True)
class Step:
    """The outer step that jobs belong to: all that a contribution may depend on besides φ and episodes."""

    spec: RunSpec
    version: int

    @property
    def progress(self) -> float:
        """Fraction of the outer updates done."""
        return self.version / self.spec.outer.versions

    def seed(self, *parts: SeedPart) -> tuple[SeedPart, ...]:
        """Name a random choice of this step, the same on every worker."""
        return (self.spec.seed, "step", self.version, *parts)


Sums = Mapping[str, float]
"""Scores by name, ``loss`` among them, and ``accuracy`` where something is told or predicted, summed over episodes."""

_USUAL = ("loss", "accuracy")
"""The scores that a contribution stores beside its number of tasks, in this order; it may lack the accuracy."""

NOTHING: Sums = MappingProxyType({"loss": 0.0})
"""The sums over no episode."""


def scores_of(outcome: Outcome) -> dict[str, float]:
    """Return the loss and every score of one episode."""
    return {"loss": outcome.loss.item(), **{name: value.item() for name, value in outcome.scores.items()}}


def added(sums: Sums, more: Sums) -> dict[str, float]:
    """Return the sum by name; what is in one alone counts as it is."""
    return {name: sums.get(name, 0.0) + more.get(name, 0.0) for name in {**sums, **more}}


@dataclass(frozen=True)
class Contribution:
    """What one job adds to the outer step: sums over its episodes, and tensors that only its estimator understands.

    ``scores``: sums by name, ``loss`` among them. ``tasks``: how many episodes. ``values`` are
    gradients for some estimators, parameter differences or scores of perturbations for others.
    ``statistics``: means over the job's passes, in the shapes of the entries of φ that normalisation averages.
    """

    scores: Sums
    tasks: int
    values: Tensors
    statistics: Tensors = field(default_factory=dict)

    @property
    def loss(self) -> float:
        """The summed query loss."""
        return self.scores["loss"]

    def to_bytes(self) -> bytes:
        """Return safetensors bytes; equal contributions give equal bytes."""
        usual = [self.scores[name] for name in _USUAL if name in self.scores]
        sums = torch.tensor([*usual, self.tasks], dtype=torch.float64)
        more = {
            name: torch.tensor(value, dtype=torch.float64) for name, value in self.scores.items() if name not in _USUAL
        }
        tensors = with_prefix("values", self.values) | with_prefix("averages", self.statistics)
        return encode({"sums": sums} | tensors | with_prefix("scores", more))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Contribution":
        """Read what ``to_bytes`` wrote; raises FormatError for anything else."""
        tensors = decode(data)
        if "sums" not in tensors:
            raise FormatError(f"not a contribution: its tensors are {sorted(tensors)}, without 'sums'")
        *usual, tasks = tensors["sums"].tolist()
        more = {name: float(value) for name, value in without_prefix("scores", tensors).items()}
        values, statistics = without_prefix("values", tensors), without_prefix("averages", tensors)
        return cls(dict(zip(_USUAL, usual, strict=False)) | more, int(tasks), values, statistics)


class Estimator(EstimatorPart, ABC):
    """One way to minimise L(φ), as two pure functions.

    Example::

        estimator, step = build_estimator(BackpropagationConfig()), Step(spec, version=0)
        contributions = [estimator.contribute(learner, phi, episodes, step, job=0)]
        direction = estimator.combine(phi, contributions, step)  # by name of φ's entries
    """

    def __init__(self, config: Any) -> None:  # noqa: ANN401 - its own configuration
        self.config = config

    @abstractmethod
    def contribute(self, learner: Learner, phi: Phi, episodes: Sequence[Episode], step: Step, job: int) -> Contribution:
        """Return what a job's ``episodes`` say about φ; depends on the arguments alone."""

    def combine(self, phi: Phi, contributions: Sequence[Contribution], step: Step) -> Mapping[str, Tensor]:
        """Return the direction the outer optimiser descends: float64, by name of φ's entries.

        Here it is the mean over tasks of the summed values. ``contributions`` come in order of job. A name left out
        leaves that entry of φ as it is.
        """
        return mean_values(contributions)


def descended_entries(phi: Phi) -> Tensors:
    """Return the entries of φ that an estimator is to improve: all but statistics."""
    return {name: value for name, value in phi.items() if not is_statistic(name)}


def mean_values(contributions: Sequence[Contribution]) -> Tensors:
    """Return the mean over tasks of the summed values, accumulated in float64 in the order given."""
    tasks = sum(contribution.tasks for contribution in contributions)
    return {name: value / tasks for name, value in summed([each.values for each in contributions]).items()}


def summed(parts: Sequence[Mapping[str, Tensor]]) -> Tensors:
    """Return the sum by name, in float64, in the order given."""
    total: Tensors = {}
    for part in parts:
        for name, value in part.items():
            if name in total:
                total[name] += value  # in float64: each entry is widened, then added
            else:
                total[name] = value.to(torch.float64, copy=True)
    return total
