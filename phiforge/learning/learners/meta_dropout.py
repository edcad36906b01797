"""Meta-dropout: learn how to perturb features (Lee et al. 2020, "Meta Dropout: Learning to Perturb Latent Features").

Beside each layer stands a noise network, a layer of the same shape. Of what a layer puts out, h, from what it is given,
g, the next one gets (section 3.2)

    h ∘ softplus(a),    a ~ N(μ(g), I),

before normalisation, and logits get noise of the standard deviation softplus(σ(features)). So perturbed are the support
examples in every inner step, on unseen tasks too, where the loss is a mean over several draws. Queries are not: of them
a is μ(g), and logits get no noise. Inner steps move θ; the noise networks stay as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Generator, Tensor

from phiforge.learning.generators import torch_generator
from phiforge.learning.learners.bases.gradient import GradientConfig, Loss, LossAt, descended
from phiforge.learning.learners.bases.learned_start import LearnedStart
from phiforge.learning.learners.bases.learner import Mode, Phi, Predictor
from phiforge.learning.networks.bases.normalisation import Again, Pass
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.learning.scores.loss import task_loss
from phiforge.learning.tensors import Tensors, with_prefix
from phiforge.registry import NETWORKS, PartConfig, PartOf

NOISE = "noise"
HEAD = f"{NOISE}/head"
_SEED = "seed"
"""Among what an inner loop starts from: the number that names the task's noise."""


class MetaDropoutConfig(GradientConfig):
    """Settings of meta-dropout."""

    name: Literal["meta_dropout"] = "meta_dropout"
    noise: bool = Field(
        default=True, description="Draw a; else a is μ(g) always and logits get no noise: factors without randomness."
    )
    draws_evaluation: int = Field(
        default=10, ge=1, le=100, description="Draws of noise in each inner step on unseen tasks; 30 as published."
    )
    network: Annotated[PartConfig, PartOf(NETWORKS, able="perturbed", default="conv4")] = Conv4Config()


class MetaDropout(LearnedStart):
    """φ is θ⁰ under ``start/`` and the noise networks under ``noise/``; F_φ takes steps on perturbed support examples.

    Example::

        learner = build_learner(MetaDropoutConfig(), TaskShape(n_way=5, input_shape=(1, 28, 28)))
        phi = learner.init_phi(torch_generator("phi"))
        predict = learner.adapt(phi, support_x, support_y, EVALUATION, torch_generator(0))
    """

    Config = MetaDropoutConfig
    mapped = False  # it draws noise
    config: MetaDropoutConfig

    def init_phi(self, generator: Generator) -> Tensors:
        """Return the model's fresh parameters, and noise networks drawn as its layers are, with biases of nought."""
        parameters, fresh = self.model.init(generator), self.model.network.init(generator)
        drawn = {name: fresh[name] for name in (f"{each}.weight" for each in self.model.network.perturbed_layers())}
        drawn["head.weight"] = self.model.init_head(generator)["head.weight"][:1]
        biases = {name.replace(".weight", ".bias"): value.new_zeros(len(value)) for name, value in drawn.items()}
        return self.with_start(parameters) | with_prefix(NOISE, _plain(drawn) | biases)

    def adapt(self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator) -> Predictor:
        """Return the network after the inner loop on the perturbed support set."""
        return super().adapt(_seeded(phi, generator), support_x, support_y, mode, generator)

    def adapt_by_steps(
        self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator, steps: Sequence[int]
    ) -> dict[int, Predictor]:
        """Return the network after each number of ``steps`` of one inner loop."""
        return super().adapt_by_steps(_seeded(phi, generator), support_x, support_y, mode, generator, steps)

    def adapt_by_pieces(
        self, phis: Sequence[Phi], length: int, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator
    ) -> list[Predictor]:
        """Return the network after each piece of one inner loop."""
        seeded = [_seeded(phis[0], generator), *phis[1:]]
        return super().adapt_by_pieces(seeded, length, support_x, support_y, mode, generator)

    def start(self, phi: Phi) -> Tensors:
        """Return θ⁰, the noise networks, and what names the task's noise."""
        return super().start(phi) | _networks(phi) | {name: phi[name] for name in (_SEED,) if name in phi}

    def moves(self, name: str) -> bool:
        """Say whether the inner loop changes an entry: of the model alone."""
        return name != _SEED and not name.startswith(f"{NOISE}/") and super().moves(name)

    def support_losses(self, start: Tensors, support_x: Tensor, support_y: Tensor, mode: Mode) -> LossAt:
        """Return, of each step, the mean loss over draws of noise, by the noise networks of the φ there."""

        def loss_at(step: int, phi: Phi) -> Loss:
            at, draws = mode.learning(step), self._draws(start, step, mode)

            def loss(theta: Mapping[str, Tensor]) -> Tensor:
                theta = {**theta, **_networks(phi)}
                seen = [self._perturbed(theta, support_x, at, draw) for draw in draws]
                return torch.stack([task_loss(each, support_y) for each in seen]).mean()

            return loss

        return loss_at

    def update(self, phi: Phi, theta: Tensors, gradients: Tensors, step: int) -> Tensors:
        """Return θ − inner_lr · ∇θ, with the noise networks that were met in this step."""
        return descended(theta, gradients, self.config.inner_lr) | _networks(phi)

    def outputs(self, theta: Mapping[str, Tensor], x: Tensor, at: Pass, mode: Mode) -> Tensor:
        """Return what θ makes of inputs with factors softplus(μ(g)), without noise."""
        return self._perturbed(theta, x, at, None)

    def _draws(self, start: Tensors, step: int, mode: Mode) -> list[tuple[int, int, int] | None]:
        """Return what names the noise of each draw in an inner step; of one draw without noise None."""
        if not self.config.noise:
            return [None]
        draws = 1 if mode.training else self.config.draws_evaluation
        return [(int(start[_SEED]), step, draw) for draw in range(draws)]

    def _perturbed(self, theta: Mapping[str, Tensor], x: Tensor, at: Pass, draw: tuple[int, int, int] | None) -> Tensor:
        """Return outputs [n, outputs] of inputs ``x`` with the noise of that name, the same each time."""
        generator = None if draw is None else torch_generator("noise", *draw)

        def perturb(layer: str, put_out: Tensor, again: Again) -> Tensor:
            mean = again(theta[f"{NOISE}/{layer}.weight"], theta[f"{NOISE}/{layer}.bias"])
            return put_out * F.softplus(mean if generator is None else mean + _normal(mean, generator))

        features = self.model.network.features(theta, x, replace(at, perturb=perturb))
        outputs = self.model.head_outputs(theta, features)
        if generator is None:
            return outputs
        deviation = F.softplus(F.linear(features, theta[f"{HEAD}.weight"], theta[f"{HEAD}.bias"]))
        return outputs + deviation * _normal(outputs, generator)


def _seeded(phi: Phi, generator: Generator) -> Phi:
    """Return φ with the number that names a task's noise, drawn once."""
    return {**phi, _SEED: torch.randint(2**62, (), generator=generator)}


def _networks(phi: Mapping[str, Tensor]) -> Tensors:
    return {name: value for name, value in phi.items() if name.startswith(f"{NOISE}/")}


def _normal(like: Tensor, generator: Generator) -> Tensor:
    """Return noise of N(0, 1) in the shape of ``like``, drawn on the CPU."""
    return torch.randn(like.shape, generator=generator).to(like)


def _plain(tensors: Mapping[str, Tensor]) -> Tensors:
    """Return copies that share no memory with what they were cut out of."""
    return {name: value.clone() for name, value in tensors.items()}
