"""Hyper-parameters as φ, and nothing else: the rate, weight decay and label smoothing that a fresh network learns with.

Rates and weight decays are learned by their logarithms, as the rates of Maclaurin, Duvenaud and Adams 2015
("Gradient-based hyperparameter optimization through reversible learning"), so that they stay positive and move by
shares of themselves. The smoothing of the support set's labels (Szegedy et al. 2016, section 7) is learned by its
logit. The prior of batch normalisation is learned too if the network has one (norm ``prior``). θ⁰ is drawn afresh for
each task, unless it is to be learned as well.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field, field_validator
from torch import Generator, Tensor

from phiforge.learning.learners.bases.gradient import GradientConfig, Loss, LossAt
from phiforge.learning.learners.bases.learned_start import LearnedStart
from phiforge.learning.learners.bases.learner import Mode, Phi, Predictor
from phiforge.learning.learners.bases.prefixes import START
from phiforge.learning.learners.layer_rates import layer_of
from phiforge.learning.networks import NetworkConfig
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.learning.tensors import Tensors, with_prefix
from phiforge.registry import NETWORKS

Kind = Literal["rates", "weight_decay", "label_smoothing"]
RATES, DECAYS, SMOOTHING = "log_rates", "log_decays", "smoothing/logit"
ALL = "all"
"""Stands for every layer where they share a rate and a decay."""


class HyperparametersConfig(GradientConfig):
    """Settings of learned hyper-parameters; what is not in ``learned`` stays as it is set."""

    name: Literal["hyperparameters"] = "hyperparameters"
    inner_lr: float = Field(default=0.1, gt=0, description="The rate, at first if it is learned.")
    inner_steps: int = Field(default=10, ge=1, le=100, description="Inner steps in meta-training.")
    inner_steps_evaluation: int = Field(default=10, ge=1, le=1000, description="Inner steps on unseen tasks.")
    weight_decay: float = Field(default=0.01, gt=0, description="The weight decay, at first if it is learned.")
    label_smoothing: float = Field(
        default=0.1, gt=0, lt=1, description="Share of a label that all classes get, at first if it is learned."
    )
    learned: tuple[Kind, ...] = Field(
        default=("rates", "weight_decay", "label_smoothing"),
        min_length=1,
        description="What is in φ. A label smoothing acts through inner gradients alone, so that estimator "
        "'first_order', which takes them as constants, never moves it.",
    )
    per: Literal["network", "layer"] = Field(
        default="network", description="Whether all layers share a rate and a decay, or each has its own."
    )
    learn_start: bool = Field(default=False, description="Learn θ⁰ too; else draw it afresh for each task.")
    network: NetworkConfig = Conv4Config(channels=16)

    @field_validator("learned")
    @classmethod
    def _each_once(cls, given: tuple[Kind, ...]) -> tuple[Kind, ...]:
        if len(set(given)) < len(given):
            raise ValueError("each may be named once")
        return given

    @property
    def smoothing_alone(self) -> bool:
        """Whether φ is a label smoothing and nothing else."""
        prior = NETWORKS[self.network.name].fixes_some(self.network)
        return self.learned == ("label_smoothing",) and not self.learn_start and not prior


class Hyperparameters(LearnedStart):
    """φ is ln α under ``log_rates/``, ln λ under ``log_decays/``, the logit of s: θ − α (∇l_s + λ θ)."""

    Config = HyperparametersConfig
    mapped = False  # it draws θ⁰
    averages = False
    config: HyperparametersConfig

    @classmethod
    def refuses_values(cls, config: HyperparametersConfig) -> str | None:
        """Refuse to learn a label smoothing alone, as values have none."""
        if not config.smoothing_alone:
            return None
        return "learned: 'label_smoothing' alone is of labels; allowed for values: rates, weight_decay beside it"

    @classmethod
    def refuses_constants(cls, config: HyperparametersConfig) -> str | None:
        """Refuse to learn a label smoothing alone, which acts through inner gradients."""
        return "that learns 'label_smoothing' alone" if config.smoothing_alone else None

    def init_phi(self, generator: Generator) -> Tensors:
        """Return what is learned, as it is set, and of the model what the inner loop leaves, or all if so said."""
        parameters, learned = self.model.init(generator), self.config.learned
        layers = sorted({self._share(name) for name in parameters if self.moves(name)})
        phi = with_prefix(START, {name: value for name, value in parameters.items() if self._keeps(name)})
        for kind, prefix, value in (
            ("rates", RATES, self.config.inner_lr),
            ("weight_decay", DECAYS, self.config.weight_decay),
        ):
            if kind in learned:
                phi |= {f"{prefix}/{layer}": torch.tensor(math.log(value)) for layer in layers}
        if "label_smoothing" in learned and not self.shape.regression:
            phi[SMOOTHING] = torch.tensor(self.config.label_smoothing).logit()
        return phi

    def adapt(self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator) -> Predictor:
        """Return the network after the inner loop on the support set."""
        return super().adapt(self._started(phi, support_x, mode, generator), support_x, support_y, mode, generator)

    def adapt_by_steps(
        self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator, steps: Sequence[int]
    ) -> dict[int, Predictor]:
        """Return the network after each number of ``steps`` of one inner loop."""
        started = self._started(phi, support_x, mode, generator)
        return super().adapt_by_steps(started, support_x, support_y, mode, generator, steps)

    def adapt_by_pieces(
        self, phis: Sequence[Phi], length: int, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator
    ) -> list[Predictor]:
        """Return the network after each piece of one inner loop."""
        started = [self._started(phis[0], support_x, mode, generator), *phis[1:]]
        return super().adapt_by_pieces(started, length, support_x, support_y, mode, generator)

    def support_losses(self, start: Tensors, support_x: Tensor, support_y: Tensor, mode: Mode) -> LossAt:
        """Return, of each step, the loss on smoothed labels; of a regression the squared error."""
        if self.shape.regression:
            return super().support_losses(start, support_x, support_y, mode)

        def loss_at(step: int, phi: Phi) -> Loss:
            at, smoothing = mode.learning(step), self._smoothing(phi)
            return lambda theta: smoothed_loss(self.outputs(theta, support_x, at, mode), support_y, smoothing)

        return loss_at

    def update(self, phi: Phi, theta: Tensors, gradients: Tensors, step: int) -> Tensors:
        """Return θ − α (∇θ + λ θ), with the α and the λ of each layer."""
        moved = {}
        for name, slope in gradients.items():
            rate = self._positive(phi, RATES, name, self.config.inner_lr)
            decay = self._positive(phi, DECAYS, name, self.config.weight_decay)
            moved[name] = theta[name] - rate * (slope + decay * theta[name])
        return moved

    def _started(self, phi: Phi, like: Tensor, mode: Mode, generator: Generator) -> Phi:
        """Return φ with a θ⁰, on the device and of the type of ``like``: a fresh one if none is learned."""
        if self.config.learn_start:
            return phi
        drawn = self.model.init(generator)
        fresh = {name: value.to(like).requires_grad_(mode.second_order) for name, value in drawn.items()}
        return {**with_prefix(START, fresh), **phi}

    def _keeps(self, name: str) -> bool:
        """Say whether a parameter of the model is in φ: a prior of normalisation is, whatever the start."""
        return self.config.learn_start or not self.moves(name)

    def _share(self, name: str) -> str:
        return layer_of(name) if self.config.per == "layer" else ALL

    def _positive(self, phi: Phi, prefix: str, name: str, fixed: float) -> Tensor | float:
        held = phi.get(f"{prefix}/{self._share(name)}")
        return fixed if held is None else held.exp()

    def _smoothing(self, phi: Phi) -> Tensor | float:
        return phi[SMOOTHING].sigmoid() if SMOOTHING in phi else self.config.label_smoothing


def smoothed_loss(logits: Tensor, labels: Tensor, smoothing: Tensor | float) -> Tensor:
    """Return the mean cross-entropy [] of ``logits`` [n, n_way] with ``labels`` [n], of which all share ``smoothing``.

    It is differentiable in the smoothing too, unlike torch's own.
    """
    log_probabilities = F.log_softmax(logits, dim=1)
    right = F.nll_loss(log_probabilities, labels)
    return (1 - smoothing) * right - smoothing * log_probabilities.mean()


def in_words(phi: Mapping[str, Tensor]) -> dict[str, float]:
    """Return the hyper-parameters that a φ of this learner holds, as a spec would give them.

    Example::

        in_words({"log_rates/all": torch.tensor(0.1).log()})   # {"inner_lr": 0.1}
    """
    plain = {RATES: "inner_lr", DECAYS: "weight_decay"}
    found = {}
    for name, value in phi.items():
        prefix, _, layer = name.partition("/")
        if prefix in plain:
            found[plain[prefix] + ("" if layer == ALL else f"/{layer}")] = value.exp().item()
        elif name == SMOOTHING:
            found["label_smoothing"] = value.sigmoid().item()
    return found
