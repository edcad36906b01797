"""MAML: learn the initial parameters (Finn, Abbeel and Levine 2017, "Model-Agnostic Meta-Learning", algorithm 2)."""

from typing import Literal

from pydantic import Field
from torch import Generator, Tensor

from phiforge.learners.base import Learner, Mode, Phi, Predictor, TaskShape
from phiforge.learners.inner import gradient_steps
from phiforge.networks.classifier import Classifier
from phiforge.networks.conv4 import Conv4Config
from phiforge.spec.part import Part
from phiforge.tensors import Tensors


class MamlConfig(Part):
    """Settings of MAML; the defaults are those of 5-way Omniglot."""

    name: Literal["maml"] = "maml"
    inner_lr: float = Field(default=0.4, gt=0, description="Step size of the inner loop.")
    inner_steps: int = Field(default=1, ge=1, le=100, description="Inner steps in meta-training.")
    inner_steps_evaluation: int = Field(default=3, ge=1, le=1000, description="Inner steps on unseen tasks.")
    network: Conv4Config = Conv4Config()


class Maml(Learner):
    """φ is the initial θ⁰ of a network with a linear head; F_φ takes gradient steps from it on the support set."""

    name = "maml"
    inner_gradient = True
    config: MamlConfig

    def __init__(self, config: MamlConfig, shape: TaskShape) -> None:
        super().__init__(config, shape)
        self.model = Classifier(config.network, shape.image_shape, shape.n_way)

    @property
    def transductive(self) -> bool:
        """As its network's normalisation."""
        return self.model.transductive

    def init_phi(self, generator: Generator) -> Tensors:
        """Return the network's and the head's fresh parameters."""
        return self.model.init(generator)

    def adapt(self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator) -> Predictor:
        """Return the network after inner gradient steps on the support set's cross-entropy."""
        steps = self.config.inner_steps if mode.training else self.config.inner_steps_evaluation
        theta = gradient_steps(
            lambda parameters: self.model.loss(parameters, support_x, support_y),
            phi,
            self.config.inner_lr,
            steps,
            keep_graph=mode.second_order,
        )
        return lambda query_x: self.model.logits(theta, query_x)
