"""F_φ: what a learner is, whatever part of learning it learns."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from phiforge.learning.engines import Engine
from phiforge.learning.networks.bases.normalisation import Noted, Pass
from phiforge.learning.tensors import Tensors
from phiforge.registry.section import Part
from phiforge.tasks.episodes import Episode

Phi = Mapping[str, Tensor]
Predictor = Callable[[Tensor], Tensor]
"""The model that F_φ returns: inputs [n, ...] -> logits [n, n_way], or values [n, 1] of a regression."""

TOLERANCE = 0.5
"""A regression's prediction counts as accurate when it is this close to its target."""


@dataclass(frozen=True)
class TaskShape:
    """What a learner must know of its tasks before it sees one.

    ``input_shape``: (channels, height, width) of images, (1,) of a regression's x. ``train_classes``: the classes that
    training tasks are drawn from. ``regression``: targets are values, not labels. ``engine``: computes its network.
    ``bfloat16``: its network multiplies in that type.
    """

    n_way: int
    input_shape: tuple[int, ...]
    train_classes: int = 0
    regression: bool = False
    engine: Engine = "torch"
    bfloat16: bool = False

    @property
    def outputs(self) -> int:
        """Numbers that a model returns for one input."""
        return 1 if self.regression else self.n_way


@dataclass(frozen=True)
class Mode:
    """How F_φ is used: in meta-training or on unseen tasks, and what the estimator asks of its gradients.

    ``second_order``: ∂L/∂φ passes through the inner gradients (else they count as constants).
    ``progress``: fraction of the outer updates done, in [0, 1], for whatever is annealed.
    ``noted``: in meta-training, takes the statistics that normalisation averages over tasks.
    """

    training: bool
    second_order: bool = False
    progress: float = 0.0
    noted: Noted = field(default_factory=dict)

    def at(self, step: int) -> Pass:
        """Return what a network must know of a pass after ``step`` inner steps."""
        return Pass(step, self.training, self.noted)

    def learning(self, step: int) -> Pass:
        """Return the same of a pass that an inner loop learns from: by the set at hand, on unseen tasks too.

        The support set is known as a whole, and other statistics would make other gradients than φ was trained for.
        """
        return Pass(step)


EVALUATION = Mode(training=False)


@dataclass(frozen=True)
class Outcome:
    """How the model built for one task did on its query set: ``loss`` and ``accuracy`` are scalars.

    ``log_probability``: of the choices that F_φ drew, differentiable in φ, if it drew any.
    """

    loss: Tensor
    accuracy: Tensor
    log_probability: Tensor | None = None


class Learner(ABC):
    """One F_φ as pure functions: all state is in φ, all randomness in the generator given."""

    name: ClassVar[str]
    learns: ClassVar[bool] = True
    """Whether there is a φ to meta-train at all (baselines have none)."""
    inner_gradient: ClassVar[bool] = False
    """Whether F_φ takes gradient steps on parameters that φ decides, so that first and second order differ."""
    whole_start: ClassVar[bool] = False
    """Whether φ is the initial parameters of an inner loop that moves them all, and nothing else."""
    chooses: ClassVar[bool] = False
    """Whether F_φ draws from choices that φ gives probabilities, so that L(φ) has no gradient of its own."""
    regresses: ClassVar[bool] = False
    """Whether it can also learn tasks whose targets are values."""
    averages: ClassVar[bool] = True
    """Whether it keeps, and on unseen tasks uses, the statistics that ``norm: running`` and ``per_step`` average."""
    mapped: ClassVar[bool] = False
    """Whether engine ``vmap`` can compute it: it draws nothing, and no value decides what is computed."""
    recordable: ClassVar[bool] = True
    """Whether a GPU may record what engine ``vmap`` computes of it: no progress changes it, and no check stops it."""
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

        ``support_x`` [n_way * k_shot, ...], ``support_y`` [n_way * k_shot] labels or [n_way * k_shot, 1] values.
        """

    def query_outcome(self, phi: Phi, episode: Episode, mode: Mode, generator: Generator) -> Outcome:
        """Return lⁿ, the loss on the query set of the model built from the support set, and its accuracy."""
        predict = self.adapt(phi, episode.support_x, episode.support_y, mode, generator)
        return outcome(predict(episode.query_x), episode.query_y)


def outcome(outputs: Tensor, targets: Tensor) -> Outcome:
    """Return the mean loss and the accuracy of ``outputs`` [n, outputs]."""
    return Outcome(task_loss(outputs, targets), accuracy(outputs, targets))


def task_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cross-entropy with labels [n], or the mean squared error to values [n, 1]."""
    if targets.is_floating_point():
        return F.mse_loss(outputs, targets)
    return F.cross_entropy(outputs, targets)


def accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the fraction of ``outputs`` [n, ...] whose largest entry is at the label, or that are near the value."""
    if targets.is_floating_point():
        return ((outputs.detach() - targets).abs() <= TOLERANCE).to(torch.float64).mean()
    return (outputs.detach().argmax(dim=1) == targets).to(torch.float64).mean()
