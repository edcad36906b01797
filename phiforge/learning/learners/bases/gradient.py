"""Learners whose F_φ is gradient descent on the support set, from a start and by a rule that φ decides."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from phiforge.learning.engines import transforms
from phiforge.learning.learners.bases.learner import Mode, Phi, Predictor
from phiforge.learning.learners.bases.networked import ModelLearner
from phiforge.learning.learners.bases.pieces import ends_of, phi_of_steps
from phiforge.learning.networks import NetworkConfig
from phiforge.learning.networks.bases.normalisation import Pass
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.learning.scores.loss import task_loss
from phiforge.learning.tensors import Tensors
from phiforge.registry import NETWORKS, PartConfig
from phiforge.registry.section import Since
from phiforge.spec.task import Engine

QueryStatistics = Literal["averages", "set", "support"]
Loss = Callable[[Mapping[str, Tensor]], Tensor]
LossAt = Callable[[int, Phi], Loss]
"""Returns the support loss of an inner step under φ, as a function of θ."""


class InnerLoopConfig(PartConfig):
    """What all inner loops have; the defaults are those of 5-way Omniglot."""

    inner_lr: float = Field(default=0.4, gt=0, description="Step size of the inner loop, at first if it is learned.")
    inner_steps: int = Field(default=1, ge=1, le=100, description="Inner steps in meta-training.")
    inner_steps_evaluation: int = Field(default=3, ge=1, le=1000, description="Inner steps on unseen tasks.")
    network: NetworkConfig = Conv4Config()


class GradientConfig(InnerLoopConfig):
    """What all inner loops of gradient steps have."""

    query_statistics: Annotated[QueryStatistics, Since(2, absent="averages")] = Field(
        default="averages",
        description="What normalises queries of unseen tasks: averages (where norm keeps them in φ; other norms as "
        "ever), set (all queries together; transductive), support (the support set and that query; not transductive).",
    )


class GradientLearner(ModelLearner):
    """θ⁰ = ``start``, θ^(t+1) = ``update`` of θ^t and ∇θ of the support loss; the last is the model's."""

    inner_gradient = True
    tries_steps = True
    cuts = True
    mapped = True
    config: InnerLoopConfig

    @classmethod
    def by_averages(cls, config: InnerLoopConfig) -> InnerLoopConfig:
        """Return ``config`` with queries of unseen tasks normalised by averages."""
        return config.model_copy(update={"query_statistics": "averages"}) if _chooses(config) else config

    @property
    def query_statistics(self) -> QueryStatistics:
        """What normalises the queries of unseen tasks; nothing chosen where the network looks at no set."""
        chosen: QueryStatistics = getattr(self.config, "query_statistics", "averages")
        averages = NETWORKS[self.config.network.name].averages(self.config.network)
        return chosen if averages or self.model.transductive else "averages"

    @property
    def transductive(self) -> bool:
        """As its network's normalisation, unless queries are normalised otherwise."""
        return {"averages": self.model.transductive, "set": True, "support": False}[self.query_statistics]

    def start(self, phi: Phi) -> Tensors:
        """Return θ⁰ by the model's names; here φ itself."""
        return dict(phi)

    def moves(self, name: str) -> bool:
        """Say whether the inner loop changes a parameter of the model: all that its network lets it."""
        return self.model.adapts(name)

    @abstractmethod
    def update(self, phi: Phi, theta: Tensors, gradients: Tensors, step: int) -> Tensors:
        """Return the moved entries of θ^(step+1); ``gradients`` holds ∇θ of the support loss by their names."""

    def support_losses(self, start: Tensors, support_x: Tensor, support_y: Tensor, mode: Mode) -> LossAt:
        """Return, of each step of an inner loop from ``start`` and the φ there, the support loss as a function of θ."""

        def loss_at(step: int, phi: Phi) -> Loss:
            at = mode.learning(step)
            return lambda theta: task_loss(self.outputs(theta, support_x, at, mode), support_y)

        return loss_at

    def outputs(self, theta: Mapping[str, Tensor], x: Tensor, at: Pass, mode: Mode) -> Tensor:
        """Return what the model so far learned, θ, makes of inputs ``x`` [n, ...] in a pass: [n, outputs]."""
        return self.model.outputs(theta, x, at)

    def ended(self, start: Tensors, theta: Tensors) -> Tensors:
        """Return what the model has of ``theta`` once the inner loop from ``start`` is over; here all of it."""
        return theta

    def path(
        self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, steps: int | None = None
    ) -> list[Tensors]:
        """Return θ⁰ and θ after each inner step; by default as many as the configuration says for this mode."""
        if steps is None:
            steps = self.config.inner_steps if mode.training else self.config.inner_steps_evaluation
        return self.path_under([phi] * steps, self.start(phi), support_x, support_y, mode)

    def path_under(
        self, phis: Sequence[Phi], start: Tensors, support_x: Tensor, support_y: Tensor, mode: Mode
    ) -> list[Tensors]:
        """Return θ⁰, which is ``start``, and θ after each inner step, which is taken under the φ in its place."""
        path = [start]
        with torch.enable_grad():
            loss_at = self.support_losses(start, support_x, support_y, mode)
            for step, phi in enumerate(phis):
                gradients = self.gradients(loss_at(step, phi), path[-1], mode)
                path.append(path[-1] | self.update(phi, path[-1], gradients, step))
        return path

    def adapt(self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator) -> Predictor:
        """Return the network after the inner loop on the support set."""
        path = self.path(phi, support_x, support_y, mode)
        return self._after(len(path) - 1, path, support_x, mode)

    def adapt_by_steps(
        self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator, steps: Sequence[int]
    ) -> dict[int, Predictor]:
        """Return the network after each number of ``steps`` of one inner loop."""
        path = self.path(phi, support_x, support_y, mode, max(steps))
        return {count: self._after(count, path, support_x, mode) for count in steps}

    def adapt_by_pieces(
        self, phis: Sequence[Phi], length: int, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator
    ) -> list[Predictor]:
        """Return the network after each piece of one inner loop, which each φ decides in turn."""
        each, ends = phi_of_steps(phis, length, self.config.inner_steps), ends_of(length, self.config.inner_steps)
        path = self.path_under(each, self.start(phis[0]), support_x, support_y, mode)
        return [self._after(end, path, support_x, mode) for end in ends]

    def _after(self, steps: int, path: Sequence[Tensors], support_x: Tensor, mode: Mode) -> Predictor:
        theta, by_set = self.ended(path[0], path[steps]), mode.learning(steps)
        if mode.training or self.query_statistics == "averages":
            return lambda query_x: self.outputs(theta, query_x, mode.at(steps), mode)
        if self.query_statistics == "set":
            return lambda query_x: self.outputs(theta, query_x, by_set, mode)

        def beside_support(query_x: Tensor) -> Tensor:
            sets = [torch.cat([support_x, query[None]]) for query in query_x]
            rows = [self.outputs(theta, each, by_set, mode)[-1] for each in sets]
            return torch.stack(rows) if rows else query_x.new_empty(0, self.shape.outputs)

        return beside_support

    def gradients(self, loss: Loss, theta: Tensors, mode: Mode) -> Tensors:
        """Return ∇θ of ``loss`` for what moves: differentiable in θ if the mode is second order, else constants."""
        moving = {name: value for name, value in theta.items() if self.moves(name)}
        return gradients_at(loss, theta, moving, keep_graph=mode.second_order, engine=self.shape.engine)


def _chooses(config: PartConfig) -> bool:
    return "query_statistics" in type(config).model_fields


def gradients_at(
    loss: Loss,
    theta: Mapping[str, Tensor],
    moving: Mapping[str, Tensor],
    *,
    keep_graph: bool,
    engine: Engine = "torch",
) -> Tensors:
    """Return the gradient of ``loss`` at ``theta`` in the entries of ``moving``: see ``loss_and_gradients``."""
    return loss_and_gradients(loss, theta, moving, keep_graph=keep_graph, engine=engine)[1]


def loss_and_gradients(
    loss: Loss,
    theta: Mapping[str, Tensor],
    moving: Mapping[str, Tensor],
    *,
    keep_graph: bool,
    engine: Engine = "torch",
) -> tuple[Tensor, Tensors]:
    """Return ``loss`` at ``theta`` and its gradient in the entries of ``moving``, differentiable with ``keep_graph``.

    Without, they are constants, taken at a copy of θ, so that nothing of the inner loop is kept. With, the entries of
    ``moving`` must require gradients, unless ``engine`` computes by transforms. Where the loss does not depend on an
    entry, that is zero.
    """
    if transforms(engine):
        return _transformed(loss, theta, moving, keep_graph=keep_graph)
    points = dict(moving) if keep_graph else {name: value.detach().requires_grad_() for name, value in moving.items()}
    value = loss({**theta, **points})
    found = torch.autograd.grad(
        value, list(points.values()), create_graph=keep_graph, allow_unused=True, materialize_grads=True
    )
    return value if keep_graph else value.detach(), dict(zip(points, found, strict=True))


def _transformed(
    loss: Loss, theta: Mapping[str, Tensor], moving: Mapping[str, Tensor], *, keep_graph: bool
) -> tuple[Tensor, Tensors]:
    """Return the same by function transforms, which may stand in others and see no graph of autograd's."""
    if not keep_graph:
        theta, moving = _detached(theta), _detached(moving)
    found, value = torch.func.grad_and_value(lambda points: loss({**theta, **points}))(dict(moving))
    return (value, found) if keep_graph else (value.detach(), _detached(found))


def _detached(tensors: Mapping[str, Tensor]) -> Tensors:
    return {name: value.detach() for name, value in tensors.items()}


def descended(theta: Mapping[str, Tensor], gradients: Mapping[str, Tensor], rate: float) -> Tensors:
    """Return θ − rate · ∇θ (Finn et al. 2017, equation 1) for the entries that have a gradient."""
    return {name: theta[name] - rate * gradient for name, gradient in gradients.items()}
