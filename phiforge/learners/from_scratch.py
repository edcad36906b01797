"""From scratch: the same network trained on each support set from a fresh initialisation, the floor of learning."""

from typing import Literal

from pydantic import Field
from torch import Generator, Tensor

from phiforge.learners.base import Learner, Mode, Phi, Predictor, TaskShape
from phiforge.learners.inner import gradient_steps
from phiforge.networks.classifier import Classifier
from phiforge.networks.conv4 import Conv4Config
from phiforge.spec.part import Part
from phiforge.tensors import Tensors


class FromScratchConfig(Part):
    """Settings of the training on one support set."""

    name: Literal["from_scratch"] = "from_scratch"
    inner_lr: float = Field(default=0.1, gt=0, description="Step size of gradient descent.")
    inner_steps: int = Field(default=50, ge=1, le=10_000, description="Steps on each support set.")
    network: Conv4Config = Conv4Config()


class FromScratch(Learner):
    """φ is empty; F_φ draws a fresh network and trains it by gradient descent on the support set alone."""

    name = "from_scratch"
    learns = False
    any_n_way = True
    config: FromScratchConfig

    def __init__(self, config: FromScratchConfig, shape: TaskShape) -> None:
        super().__init__(config, shape)
        self.model = Classifier(config.network, shape.image_shape, shape.n_way)

    @property
    def transductive(self) -> bool:
        """As its network's normalisation."""
        return self.model.transductive

    def init_phi(self, generator: Generator) -> Tensors:
        """Return the empty φ."""
        return {}

    def adapt(self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator) -> Predictor:
        """Return a network trained on this support set from an initialisation drawn for it."""
        fresh = {name: value.to(support_x) for name, value in self.model.init(generator).items()}
        theta = gradient_steps(
            lambda parameters: self.model.loss(parameters, support_x, support_y),
            fresh,
            self.config.inner_lr,
            self.config.inner_steps,
            keep_graph=False,
        )
        return lambda query_x: self.model.logits(theta, query_x)
