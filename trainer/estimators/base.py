"""What an estimator is: how L(φ) is minimised, cut into what one job computes and how jobs are put together."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from phiforge.episodes import Episode
from phiforge.errors import FormatError
from phiforge.learners import Learner, Phi
from phiforge.randomness import SeedPart
from phiforge.spec.run import RunSpec
from phiforge.tensors import Tensors, decode, encode, with_prefix, without_prefix


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


@dataclass(frozen=True)
class Contribution:
    """What one job adds to the outer step: sums over its episodes, and tensors that only its estimator understands.

    ``values`` are gradients for some estimators, parameter differences or scores of perturbations for others.
    """

    loss: float
    accuracy: float
    tasks: int
    values: Tensors

    def to_bytes(self) -> bytes:
        """Return safetensors bytes; equal contributions give equal bytes."""
        sums = torch.tensor([self.loss, self.accuracy, self.tasks], dtype=torch.float64)
        return encode({"sums": sums} | with_prefix("values", self.values))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Contribution":
        """Read what ``to_bytes`` wrote; raises FormatError for anything else."""
        tensors = decode(data)
        if "sums" not in tensors:
            raise FormatError(f"not a contribution: its tensors are {sorted(tensors)}, without 'sums'")
        loss, accuracy, tasks = tensors["sums"].tolist()
        return cls(loss, accuracy, int(tasks), without_prefix("values", tensors))


class Estimator(ABC):
    """One way to minimise L(φ), as two pure functions."""

    @abstractmethod
    def contribute(self, learner: Learner, phi: Phi, episodes: Sequence[Episode], step: Step, job: int) -> Contribution:
        """Return what a job's ``episodes`` say about φ; depends on the arguments alone."""

    @abstractmethod
    def combine(self, phi: Phi, contributions: Sequence[Contribution], step: Step) -> Mapping[str, Tensor]:
        """Return the direction the outer optimiser descends: float64, by name of φ's entries.

        ``contributions`` come in order of job. A name left out leaves that entry of φ as it is.
        """


def mean_values(contributions: Sequence[Contribution]) -> Tensors:
    """Return the mean over tasks of the summed values, accumulated in float64 in the order given."""
    tasks = sum(contribution.tasks for contribution in contributions)
    total: Tensors = {}
    for contribution in contributions:
        for name, value in contribution.values.items():
            total[name] = total[name] + value.double() if name in total else value.double()
    return {name: value / tasks for name, value in total.items()}
