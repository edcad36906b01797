"""F_φ: what a learner is, whatever part of learning it learns."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from phiforge.episodes import Episode
from phiforge.spec.part import Part
from phiforge.tensors import Tensors

Phi = Mapping[str, Tensor]
Predictor = Callable[[Tensor], Tensor]
"""The model that F_φ returns: images [n, channels, height, width] -> logits [n, n_way]."""


@dataclass(frozen=True)
class TaskShape:
    """What a learner must know of its tasks before it sees one; ``image_shape`` = (channels, height, width)."""

    n_way: int
    image_shape: tuple[int, int, int]


@dataclass(frozen=True)
class Mode:
    """How F_φ is used: in meta-training or on unseen tasks, and what the estimator asks of its gradients.

    ``second_order``: ∂L/∂φ passes through the inner gradients (else they count as constants).
    ``progress``: fraction of the outer updates done, in [0, 1], for whatever is annealed.
    """

    training: bool
    second_order: bool = False
    progress: float = 0.0


EVALUATION = Mode(training=False)


@dataclass(frozen=True)
class Outcome:
    """How the model built for one task did on its query set: ``loss`` and ``accuracy`` are scalars."""

    loss: Tensor
    accuracy: Tensor


class Learner(ABC):
    """One F_φ as pure functions: all state is in φ, all randomness in the generator given."""

    name: ClassVar[str]
    learns: ClassVar[bool] = True
    """Whether there is a φ to meta-train at all (baselines have none)."""
    inner_gradient: ClassVar[bool] = False
    """Whether F_φ takes gradient steps, so that first and second order differ."""
    any_n_way: ClassVar[bool] = False
    """Whether the same φ serves tasks of any number of ways."""

    def __init__(self, config: Part, shape: TaskShape) -> None:
        self.config = config
        self.shape = shape

    @property
    @abstractmethod
    def transductive(self) -> bool:
        """Whether the prediction for one query depends on the task's other queries."""

    @abstractmethod
    def init_phi(self, generator: Generator) -> Tensors:
        """Return φ₀: float32 tensors by name, contiguous."""

    @abstractmethod
    def adapt(self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator) -> Predictor:
        """Return the model that F_φ builds from a support set.

        ``support_x`` [n_way * k_shot, channels, height, width], ``support_y`` [n_way * k_shot].
        """

    def query_outcome(self, phi: Phi, episode: Episode, mode: Mode, generator: Generator) -> Outcome:
        """Return lⁿ, the cross-entropy on the query set of the model built from the support set, and its accuracy."""
        predict = self.adapt(phi, episode.support_x, episode.support_y, mode, generator)
        logits = predict(episode.query_x)
        return Outcome(F.cross_entropy(logits, episode.query_y), accuracy(logits, episode.query_y))


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the fraction of rows of ``logits`` [n, n_way] whose largest entry is at ``labels`` [n]."""
    return (logits.detach().argmax(dim=1) == labels).to(torch.float64).mean()
