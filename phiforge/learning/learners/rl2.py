"""RL²: a recurrent policy that learns a task while it acts in it.

Duan et al. 2016, "RL²: fast reinforcement learning via slow reinforcement learning". φ is all of the network. F_φ
is the network at work: what it learns of a task is what it remembers, over all trajectories of its life there.
"""

from collections.abc import Mapping
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Generator, Tensor

from phiforge.learning.learners.bases.acting import ActingLearner
from phiforge.learning.learners.bases.learner import Mode, Outcome, Phi, Predictor, TaskShape
from phiforge.learning.networks.bases.gru import gru_sequence, gru_step, init_gru
from phiforge.learning.networks.bases.network import linear
from phiforge.learning.reinforcement.advantages import advantages_of, beside_peers
from phiforge.learning.reinforcement.lives import Lives, Mind, inputs_of, lived
from phiforge.learning.reinforcement.objective import gained
from phiforge.learning.reinforcement.policies import policy_for
from phiforge.learning.reinforcement.trajectories import world_draws
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig
from phiforge.tasks.episodes import Episode


class Rl2Config(PartConfig):
    """Settings of RL²."""

    name: Literal["rl2"] = "rl2"
    units: int = Field(default=48, ge=1, le=4096, description="Units of the recurrent network, a GRU.")
    discount: float = Field(default=0.99, gt=0, le=1, description="γ over all steps of a life, in meta-training.")
    gae_lambda: float = Field(default=0.3, ge=0, le=1, description="λ of generalised advantages.")
    value_weight: float = Field(default=0.5, ge=0, le=100, description="Weight of the squared error of its values.")
    entropy_weight: float = Field(default=0.01, ge=0, le=100, description="Weight of the policy's surprise.")
    deviation: float = Field(
        default=1.0, gt=0, le=100, description="First standard deviation of actions that are numbers; it is in φ."
    )


class Rl2(ActingLearner):
    """φ is a GRU with heads for actions and values; F_φ lets it live through ``k_shot`` trajectories of a task.

    ``n_query`` such lives judge it, by the mean return of all their trajectories.
    """

    Config = Rl2Config
    config: Rl2Config

    def __init__(self, config: Rl2Config, shape: TaskShape) -> None:
        super().__init__(config, shape)
        self.policy = policy_for(self.world.actions(self.world.config), config.deviation)

    def init_phi(self, generator: Generator) -> Tensors:
        """Return a fresh network."""
        units, inputs = self.config.units, inputs_of(self.world, self.policy.outputs)
        heads = linear("policy", units, self.policy.outputs, generator) | linear("value", units, 1, generator)
        return init_gru("memory", inputs, units, generator) | heads | self.policy.init()

    def adapt(self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator) -> Predictor:
        """Return the policy as one life on the support trajectories left it.

        It maps observations [n, ...], each met next, to logits [n, actions], or to mean actions.
        """
        life = self._lived(phi, support_x, support_y, (1, len(support_x)), generator)

        def outputs(observations: Tensor) -> Tensor:
            count = len(observations)
            last = torch.cat([self.policy.described(life.actions[:, -1]).to(observations), life.rewards[:, -1:]], dim=1)
            start = observations.new_ones(count, 1)
            inputs = torch.cat([observations, last.expand(count, -1), start], dim=1)
            return self._acted(phi, gru_step(phi, "memory", inputs, life.memory.expand(count, -1).contiguous()))

        return outputs

    def query_outcome(self, phi: Phi, episode: Episode, mode: Mode, generator: Generator) -> Outcome:
        """Return lⁿ, less the mean return of a trajectory, and that of the first and the last trajectories of lives.

        Its gradient is that of policy gradients with generalised advantages, values and entropy besides.
        """
        trajectories = len(episode.support_x)
        shape = (len(episode.query_x), trajectories)
        lives = self._lived(phi, episode.query_x, episode.query_y, shape, generator)
        returned = lives.rewards.view(shape[0], trajectories, -1).sum(dim=2)
        surrogate = self.surrogate(phi, lives)
        loss = surrogate - surrogate.detach() - returned.mean()
        ends = {"return_first": returned[:, 0].mean(), "return_last": returned[:, -1].mean()}
        return self.judged(loss, returned.mean(dim=1), ends)

    def surrogate(self, phi: Phi, lives: Lives) -> Tensor:
        """Return a scalar, whose gradient in φ is what descends: of the policy, of its values and of its entropy."""
        states = gru_sequence(phi, "memory", lives.inputs)
        outputs, values = self._acted(phi, states), F.linear(states, phi["value.weight"], phi["value.bias"])[..., 0]
        log_probability = self.policy.log_probability(phi, outputs, lives.actions) * lives.going
        known, config = values.detach(), self.config
        found = advantages_of(lives.rewards, known, torch.ones_like(known), config.discount, config.gae_lambda)
        gain = gained(log_probability, log_probability.detach(), beside_peers(found, lives.going), 1.0)
        wrong = (values - (known + found)).square().mean()
        surprise = (self.policy.entropy(phi, outputs) * lives.going).mean()
        steps = lives.rewards.shape[1]
        return config.value_weight * wrong - gain.mean() / steps - config.entropy_weight * surprise

    def _lived(self, phi: Phi, x: Tensor, y: Tensor, shape: tuple[int, int], generator: Generator) -> Lives:
        return lived(self.world, x[0], shape, self._mind(phi, x), world_draws(y), generator)

    def _mind(self, phi: Phi, like: Tensor) -> Mind:
        def remember(inputs: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
            following = gru_step(phi, "memory", inputs, memory)
            return self._acted(phi, following), following

        blank = like.new_zeros(self.config.units)
        return Mind(remember, partial(self.policy.act, phi), self.policy.described, self.policy.outputs, blank)

    def _acted(self, phi: Mapping[str, Tensor], states: Tensor) -> Tensor:
        return F.linear(states, phi["policy.weight"], phi["policy.bias"])
