"""MAML++: what makes MAML train well (Antoniou, Edwards and Storkey 2019, "How to train your MAML", section 4).

Learned here: a rate for each layer and step ("LSLR"), switchable, and the loss after every step ("MSL"), annealed. The
other parts are where any learner finds them: weights and biases of each step are the network's ``norm: per_step``,
derivative-order annealing is the estimator's ``second_order_from``, the cosine schedule is ``outer.schedule``.
"""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Generator

from phiforge.learning.learners.bases.gradient import GradientConfig, QueryStatistics, descended
from phiforge.learning.learners.bases.learned_start import LearnedStart
from phiforge.learning.learners.bases.learner import Mode, Outcome, Phi
from phiforge.learning.networks import NetworkConfig
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.learning.scores.loss import task_loss
from phiforge.learning.tensors import Tensors, with_prefix
from phiforge.registry.section import Since
from phiforge.tasks.episodes import Episode

_LEAST = 0.03
"""Share of 1/steps that a step before the last keeps while the loss is annealed, as published."""


class MamlPlusPlusConfig(GradientConfig):
    """Settings of MAML++."""

    name: Literal["maml_plus_plus"] = "maml_plus_plus"
    inner_lr: float = Field(default=0.1, gt=0, description="What every rate starts from.")
    inner_steps: int = Field(default=5, ge=1, le=100, description="Inner steps in meta-training.")
    inner_steps_evaluation: int = Field(default=5, ge=1, le=1000, description="Inner steps on unseen tasks.")
    learned_rates: bool = Field(default=True, description="A learned rate for each tensor and step; else inner_lr.")
    multi_step_until: float = Field(
        default=0.1, ge=0, le=1, description="Fraction of the run over which the loss of every step counts; 0: never."
    )
    query_statistics: Annotated[QueryStatistics, Since(2, absent="averages")] = Field(
        default="set",
        description="What normalises queries of unseen tasks: set (all queries together, as published; transductive), "
        "support (the support set and that query; not transductive), averages (those in φ: far less accurate).",
    )
    network: NetworkConfig = Conv4Config(norm="per_step")


class MamlPlusPlus(LearnedStart):
    """φ is θ⁰ under ``start/`` and, of each of its tensors, a rate for each step under ``rates/``."""

    Config = MamlPlusPlusConfig
    capturable = False  # its losses' weights change with progress
    config: MamlPlusPlusConfig

    def init_phi(self, generator: Generator) -> Tensors:
        """Return the model's fresh parameters, and rates all equal."""
        parameters = self.model.init(generator)
        phi = self.with_start(parameters)
        if self.config.learned_rates:
            rates = torch.full((self.config.inner_steps,), self.config.inner_lr)
            phi |= with_prefix("rates", {name: rates.clone() for name in parameters if self.moves(name)})
        return phi

    def update(self, phi: Phi, theta: Tensors, gradients: Tensors, step: int) -> Tensors:
        """Return θ − α_step ∇θ, each tensor by its own rate; steps beyond those of meta-training share the last."""
        if not self.config.learned_rates:
            return descended(theta, gradients, self.config.inner_lr)
        step = min(step, self.config.inner_steps - 1)
        return {name: theta[name] - phi[f"rates/{name}"][step] * slope for name, slope in gradients.items()}

    def query_outcome(self, phi: Phi, episode: Episode, mode: Mode, generator: Generator) -> Outcome:
        """Return the query loss, in meta-training Σ v_i of the losses after each step i (equation 2)."""
        if not mode.training or mode.progress >= self.config.multi_step_until:
            return super().query_outcome(phi, episode, mode, generator)
        path = self.path(phi, episode.support_x, episode.support_y, mode)[1:]
        outputs = [self.outputs(theta, episode.query_x, mode.at(step), mode) for step, theta in enumerate(path, 1)]
        weights = step_weights(len(path), mode.progress / self.config.multi_step_until)
        losses = [weight * task_loss(each, episode.query_y) for weight, each in zip(weights, outputs, strict=True)]
        return self.outcome(outputs[-1], episode.query_y, torch.stack(losses).sum())


def step_weights(steps: int, progress: float) -> list[float]:
    """Return how much the loss after each step counts: equal at ``progress`` 0, nearly all the last's at 1."""
    early = max((1 - progress) / steps, _LEAST / steps)
    return [early] * (steps - 1) + [1 - early * (steps - 1)]
