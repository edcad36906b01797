"""F_φ: what a learner is, whatever part of learning it learns."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from torch import Generator, Tensor

from phiforge.learning.learners.bases.ways import checking_ways
from phiforge.learning.networks.bases.drawing import Draws
from phiforge.learning.networks.bases.normalisation import Noted, Pass
from phiforge.learning.scores import build_score
from phiforge.learning.scores.accuracy import accuracy
from phiforge.learning.scores.loss import task_loss
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig
from phiforge.registry.abilities import LearnerPart
from phiforge.spec.task import Engine
from phiforge.tasks.episodes import Episode
from phiforge.tasks.families.bases.family import TaskFamily

Phi = Mapping[str, Tensor]
Set = Literal["support", "query"]
Predictor = Callable[[Tensor], Tensor]
"""The model that F_φ returns: inputs [n, ...] -> logits [n, n_way], or values [n, 1] of a regression."""


@dataclass(frozen=True)
class TaskShape:
    """What a learner must know of its tasks before it sees one.

    ``input_shape``: (channels, height, width) of images, (1,) of a regression's x. ``train_classes``: the classes that
    training tasks are drawn from. ``regression``: targets are values, not labels. ``engine``: computes its network.
    ``bfloat16``: its network multiplies in that type. ``scores``: further scores of each task, by configuration.
    ``world``: where its tasks are acted in, if they are.

    Example::

        TaskShape(n_way=5, input_shape=(1, 28, 28))
    """

    n_way: int
    input_shape: tuple[int, ...]
    train_classes: int = 0
    regression: bool = False
    engine: Engine = "torch"
    bfloat16: bool = False
    scores: tuple[PartConfig, ...] = ()
    world: TaskFamily | None = None

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
    ``seed``: in meta-training, names what networks draw of an episode, see ``drawing``.
    """

    training: bool
    second_order: bool = False
    progress: float = 0.0
    noted: Noted = field(default_factory=dict)
    seed: int | None = None

    def drawing(self, generator: Generator) -> "Mode":
        """Return this mode for the episode of a fresh ``generator``, by whose name networks draw; it is not used up.

        An estimator says so of each episode before a learner sees it, else networks draw nothing.
        """
        return replace(self, seed=generator.initial_seed()) if self.training else self

    def at(self, step: int, of: Set = "query") -> Pass:
        """Return what a network must know of a pass over a set of the episode after ``step`` inner steps."""
        return Pass(step, self.training, self.noted, draws=self._draws(of))

    def learning(self, step: int) -> Pass:
        """Return the same of a pass that an inner loop learns from: by the set at hand, on unseen tasks too.

        The support set is known as a whole, and other statistics would make other gradients than φ was trained for.
        """
        return Pass(step, draws=self._draws("support"))

    def _draws(self, of: Set) -> Draws | None:
        return None if self.seed is None else Draws(self.seed, of, self.progress)


EVALUATION = Mode(training=False)


@dataclass(frozen=True)
class Outcome:
    """How the model built for one task did on its query set.

    ``loss``: a scalar, differentiable in φ where the learner is. ``scores``: scalars by name, ``accuracy`` among them,
    or ``mean_return`` where tasks are acted in.
    ``log_probability``: of the choices that F_φ drew, differentiable in φ, if it drew any.
    """

    loss: Tensor
    scores: Mapping[str, Tensor]
    log_probability: Tensor | None = None

    @property
    def accuracy(self) -> Tensor:
        """The accuracy, a scalar."""
        return self.scores["accuracy"]


class Learner(LearnerPart, ABC):
    """One F_φ as pure functions: all state is in φ, all randomness in the generator given.

    Example::

        learner = build_learner(MamlConfig(), TaskShape(n_way=5, input_shape=(1, 28, 28)))
        phi = learner.init_phi(torch_generator("phi"))
        predict = learner.adapt(phi, support_x, support_y, EVALUATION, torch_generator(0))
        logits = predict(query_x)
    """

    def __init__(self, config: Any, shape: TaskShape) -> None:  # noqa: ANN401 - its own configuration
        self.config = config
        self.shape = shape
        self.scores = [build_score(each) for each in shape.scores]

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401 - Python's
        """Let whatever adapts check the labels first, also of a learner of your own."""
        super().__init_subclass__(**options)
        for name in ("adapt", "adapt_by_steps"):
            if name in vars(cls):
                setattr(cls, name, checking_ways(vars(cls)[name]))

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
        Raises TaskError unless the labels are those of the ways that the learner is built for.
        """

    def query_outcome(self, phi: Phi, episode: Episode, mode: Mode, generator: Generator) -> Outcome:
        """Return lⁿ, the loss on the query set of the model built from the support set, and its accuracy."""
        predict = self.adapt(phi, episode.support_x, episode.support_y, mode, generator)
        return self.outcome(predict(episode.query_x), episode.query_y)

    def outcomes_by_steps(
        self, phi: Phi, episode: Episode, mode: Mode, generator: Generator, steps: Sequence[int]
    ) -> dict[int, Outcome]:
        """Return how the models after each number of inner ``steps`` do on the query set, of one inner loop.

        Only for learners that say ``tries_steps``.
        """
        support_x, support_y = episode.support_x, episode.support_y
        models = self.adapt_by_steps(phi, support_x, support_y, mode, generator, steps)
        return {count: self.outcome(predict(episode.query_x), episode.query_y) for count, predict in models.items()}

    def adapt_by_steps(
        self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator, steps: Sequence[int]
    ) -> dict[int, Predictor]:
        """Return the models that F_φ builds after each number of inner ``steps``; arguments and errors as ``adapt``."""
        raise NotImplementedError(f"learner {self.name!r} has no inner steps to choose among")

    def architecture(self, phi: Phi) -> Mapping[str, Any] | None:
        """Return the architecture that φ holds, as JSON values; None if it holds none: see ``bases.architecture``."""
        return None

    def on_network(self, network: Mapping[str, Any]) -> dict[str, Any]:
        """Return this learner on another ``network``, as a spec names both."""
        section: dict[str, Any] = self.config.model_dump(mode="json")
        return section | {"network": dict(network)}

    def outcomes_by_pieces(
        self, phis: Sequence[Phi], length: int, episode: Episode, mode: Mode, generator: Generator
    ) -> list[Outcome]:
        """Return how the model does on the query set after each piece of one inner loop of meta-training.

        Only for learners that say ``cuts``.

        Args:
            phis: what decides each piece: its updates, and in the first one the start.
            length: inner steps of a piece; the last one takes those that are left.
            episode: the task.
            mode: how F_φ is used.
            generator: all of its randomness.
        """
        support_x, support_y = episode.support_x, episode.support_y
        models = self.adapt_by_pieces(phis, length, support_x, support_y, mode, generator)
        return [self.outcome(predict(episode.query_x), episode.query_y) for predict in models]

    def adapt_by_pieces(
        self, phis: Sequence[Phi], length: int, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator
    ) -> list[Predictor]:
        """Return the models after each piece of one inner loop; arguments as of ``outcomes_by_pieces``."""
        raise NotImplementedError(f"learner {self.name!r} has no inner loop that can be cut")

    def outcome(self, outputs: Tensor, targets: Tensor, loss: Tensor | None = None) -> Outcome:
        """Return what ``outputs`` came to.

        Args:
            outputs: of the query set: [n, n_way], or [n, 1] of a regression.
            targets: labels [n], or values [n, 1].
            loss: the learner's own; by default the cross-entropy or the squared error.
        """
        found = {each.name: each.of(outputs.detach(), targets) for each in self.scores}
        loss = task_loss(outputs, targets) if loss is None else loss
        return Outcome(loss, {"accuracy": accuracy(outputs, targets)} | found)
