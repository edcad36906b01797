"""From scratch: the same network trained on each support set from a fresh initialisation, the floor of learning."""

from typing import Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from phiforge.learning.learners.bases.gradient import descended, gradients_at
from phiforge.learning.learners.bases.learner import Mode, Phi, Predictor
from phiforge.learning.learners.bases.networked import ModelLearner
from phiforge.learning.networks import NetworkConfig
from phiforge.learning.networks.bases.headed import Headed
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.learning.scores.loss import task_loss
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig


class FromScratchConfig(PartConfig):
    """Settings of the training on one support set."""

    name: Literal["from_scratch"] = "from_scratch"
    inner_lr: float = Field(default=0.1, gt=0, description="Step size of gradient descent.")
    inner_steps: int = Field(default=50, ge=1, le=10_000, description="Steps on each support set.")
    network: NetworkConfig = Conv4Config()


class FromScratch(ModelLearner):
    """φ is empty; F_φ draws a fresh network and trains it by gradient descent on the support set alone."""

    Config = FromScratchConfig
    learns = False
    averages = False
    any_n_way = True
    config: FromScratchConfig

    def init_phi(self, generator: Generator) -> Tensors:
        """Return the empty φ."""
        return {}

    def adapt(self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator) -> Predictor:
        """Return a network trained on this support set from an initialisation drawn for it."""
        fresh = {name: value.to(support_x) for name, value in self.model.init(generator).items()}
        theta = trained(self.model, fresh, support_x, support_y, self.config.inner_lr, self.config.inner_steps)
        return lambda query_x: self.model.outputs(theta, query_x)


def trained(model: Headed, fresh: Tensors, x: Tensor, y: Tensor, rate: float, steps: int) -> Tensors:
    """Return ``fresh`` parameters of ``model`` after ``steps`` steps of gradient descent on ``x``, ``y``."""
    theta = dict(fresh)
    with torch.enable_grad():
        for _ in range(steps):
            moving = {name: value for name, value in theta.items() if model.adapts(name)}
            gradients = gradients_at(lambda at: task_loss(model.outputs(at, x), y), theta, moving, keep_graph=False)
            theta |= descended(theta, gradients, rate)
    return theta
