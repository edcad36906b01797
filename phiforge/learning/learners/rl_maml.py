"""MAML for policies (Finn et al. 2017, algorithm 3), with outer gradients that know how trajectories came about.

θ' = θ + α ∇J(θ) is estimated from trajectories that θ itself drew. So ∂θ'/∂θ has to say, too, how other θ would have
drawn others: the objective of ``phiforge.learning.reinforcement.objective`` does (Foerster et al. 2018; Rothfuss et
al. 2019 show what a plain surrogate misses).
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Generator, Tensor

from phiforge.learning.learners.bases.acting import ActingLearner
from phiforge.learning.learners.bases.gradient import descended, gradients_at
from phiforge.learning.learners.bases.learner import Mode, Outcome, Phi, Predictor, TaskShape
from phiforge.learning.networks import NetworkConfig
from phiforge.learning.networks.bases.headed import Headed
from phiforge.learning.networks.mlp import MlpConfig
from phiforge.learning.reinforcement.advantages import advantages, linear_baseline, standardised
from phiforge.learning.reinforcement.objective import gained
from phiforge.learning.reinforcement.policies import policy_for
from phiforge.learning.reinforcement.trajectories import Trajectories, collected, world_draws
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig
from phiforge.tasks.episodes import Episode


class RlMamlConfig(PartConfig):
    """Settings of MAML by policy gradients."""

    name: Literal["rl_maml"] = "rl_maml"
    inner_lr: float = Field(default=0.1, gt=0, description="Step size of the inner loop.")
    inner_steps: int = Field(default=1, ge=1, le=20, description="Inner steps, each on k_shot new trajectories.")
    inner_steps_evaluation: int = Field(default=1, ge=1, le=100, description="The same on unseen tasks.")
    baseline: Literal["linear", "none"] = Field(
        default="linear", description="What returns are compared with: a linear fit of place and time, or nothing."
    )
    gae_lambda: float = Field(
        default=1.0, ge=0, le=1, description="λ of generalised advantages; 1: returns less the baseline (REINFORCE)."
    )
    standardised: bool = Field(
        default=True,
        description="Whether advantages in the inner loop are brought to mean 0 and deviation 1, and averaged over "
        "steps, not summed.",
    )
    deviation: float = Field(
        default=1.0, gt=0, le=100, description="First standard deviation of actions that are numbers; it is in φ."
    )
    network: NetworkConfig = MlpConfig(width=64)


class Experience(NamedTuple):
    """Trajectories, and constants about them [n, T]: log π of their actions when they were drawn, advantages."""

    trajectories: Trajectories
    recorded: Tensor
    advantages: Tensor


Meet = Callable[[Tensors, int], Experience]
"""Returns the experience of the policy θ in an inner step."""


class RlMaml(ActingLearner):
    """φ is the first policy's parameters; F_φ takes policy gradient steps from it on trajectories that it collects."""

    Config = RlMamlConfig
    inner_gradient = True
    config: RlMamlConfig

    def __init__(self, config: RlMamlConfig, shape: TaskShape) -> None:
        super().__init__(config, shape)
        self.policy = policy_for(self.world.actions(self.world.config), config.deviation)
        self.model = Headed(config.network, shape.input_shape, self.policy.outputs, config.inner_steps)

    @classmethod
    def without_constants(cls, config: Any) -> Any:  # noqa: ANN401 - its own configuration
        """Return ``config`` without scaling by deviations of what was drawn."""
        return config.model_copy(update={"standardised": False})

    def init_phi(self, generator: Generator) -> Tensors:
        """Return a fresh policy."""
        return self.model.init(generator) | self.policy.init()

    def adapt(self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator) -> Predictor:
        """Return the policy after the inner loop: observations [n, ...] to logits [n, actions], or to mean actions."""
        met = partial(self._met, support_x, support_y, generator)
        return partial(self.model.outputs, self.path(phi, met, mode)[-1])

    def query_outcome(self, phi: Phi, episode: Episode, mode: Mode, generator: Generator) -> Outcome:
        """Return lⁿ = −J(θ'), the discounted return of the policy after the inner loop, and its return.

        ``return_before`` is that of the trajectories that its first inner step learned from.
        """
        first: list[Experience] = []

        def met(theta: Tensors, step: int) -> Experience:
            found = self._met(episode.support_x, episode.support_y, generator, theta, step)
            first.append(found)
            return found

        theta = self.path(phi, met, mode)[-1]
        with torch.no_grad():
            query = self.experienced(theta, self._collected(theta, episode.query_x, episode.query_y, generator, 0))
        before = first[0].trajectories.returned().mean()
        return self.judged(self.loss(theta, query), query.trajectories.returned(), {"return_before": before})

    def path(self, phi: Phi, met: Meet, mode: Mode) -> list[Tensors]:
        """Return θ⁰, which is φ, and θ after each inner step on what is ``met``."""
        path = [dict(phi)]
        for step in range(self.config.inner_steps if mode.training else self.config.inner_steps_evaluation):
            experience = met(path[-1], step)
            with torch.enable_grad():
                loss = partial(self._inner_loss, experience)
                gradients = gradients_at(loss, path[-1], path[-1], keep_graph=mode.second_order)
            path.append(descended(path[-1], gradients, self.config.inner_lr))
        return path

    def loss(self, theta: Mapping[str, Tensor], query: Experience) -> Tensor:
        """Return −J: the value is the mean discounted return, the derivatives are those of its expectation."""
        gain = self._gained(theta, query, query.advantages)
        return -(query.trajectories.returned(self.world.discount).mean() + gain)

    def experienced(self, theta: Tensors, trajectories: Trajectories) -> Experience:
        """Return trajectories that θ drew, with the constants about them."""
        with torch.no_grad():
            recorded = self.log_probabilities(theta, trajectories)
            discount = self.world.discount
            linear = self.config.baseline == "linear"
            values = linear_baseline(trajectories, discount) if linear else torch.zeros_like(trajectories.rewards)
            found = advantages(trajectories, values, discount, self.config.gae_lambda)
        return Experience(trajectories, recorded, found)

    def log_probabilities(self, theta: Mapping[str, Tensor], trajectories: Trajectories) -> Tensor:
        """Return log π of each action [n, T] by the policy θ; 0 after the end."""
        seen = trajectories.observations
        outputs = self.model.outputs(theta, seen.flatten(0, 1)).view(*seen.shape[:2], -1)
        return self.policy.log_probability(theta, outputs, trajectories.actions) * trajectories.going

    def _inner_loss(self, experience: Experience, theta: Mapping[str, Tensor]) -> Tensor:
        found, going = experience.advantages, experience.trajectories.going
        weights = standardised(found, going) / self.world.horizon if self.config.standardised else found
        return -self._gained(theta, experience, weights)

    def _gained(self, theta: Mapping[str, Tensor], experience: Experience, weights: Tensor) -> Tensor:
        now = self.log_probabilities(theta, experience.trajectories)
        return gained(now, experience.recorded, weights, self.world.discount).mean()

    def _met(self, x: Tensor, y: Tensor, generator: Generator, theta: Tensors, step: int) -> Experience:
        with torch.no_grad():
            return self.experienced(theta, self._collected(theta, x, y, generator, step))

    def _collected(self, theta: Tensors, x: Tensor, y: Tensor, generator: Generator, use: int) -> Trajectories:
        def act(observation: Tensor, luck: Tensor) -> Tensor:
            return self.policy.act(theta, self.model.outputs(theta, observation), luck)

        return collected(self.world, x[0], len(x), act, world_draws(y, use), generator)
