"""A discrete φ: how a network is trained on a support set, chosen from lists.

F_φ draws the number of inner steps and their rate by probabilities that φ holds (a policy, Williams 1992, section 4),
trains a fresh network so, and on unseen tasks takes the likeliest choice. L(φ) has no gradient through the choice.
"""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from phiforge.learning.learners.bases.learner import Mode, Outcome, Phi, Predictor
from phiforge.learning.learners.bases.networked import ModelLearner
from phiforge.learning.learners.from_scratch import trained
from phiforge.learning.networks import NetworkConfig
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig
from phiforge.tasks.episodes import Episode


class ChosenTrainingConfig(PartConfig):
    """The lists to choose from."""

    name: Literal["chosen_training"] = "chosen_training"
    steps: tuple[Annotated[int, Field(ge=1, le=10_000)], ...] = Field(
        default=(1, 5, 20), min_length=1, description="Numbers of inner steps."
    )
    rates: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        default=(0.003, 0.03, 0.3), min_length=1, description="Inner rates."
    )
    network: NetworkConfig = Conv4Config()


class ChosenTraining(ModelLearner):
    """φ is the logits of each number of steps, ``steps``, and of each rate, ``rates``."""

    Config = ChosenTrainingConfig
    chooses = True
    averages = False
    any_n_way = True
    config: ChosenTrainingConfig

    def init_phi(self, generator: Generator) -> Tensors:
        """Return logits of zero: every choice is as likely as any other."""
        return {"steps": torch.zeros(len(self.config.steps)), "rates": torch.zeros(len(self.config.rates))}

    def adapt(self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator) -> Predictor:
        """Return a fresh network trained on the support set as chosen."""
        return self._train(self.choose(phi, mode, generator), support_x, support_y, generator)

    def query_outcome(self, phi: Phi, episode: Episode, mode: Mode, generator: Generator) -> Outcome:
        """Return the query loss, which no gradient leads to φ from, and the log-probability of the choice."""
        choice = self.choose(phi, mode, generator)
        predict = self._train(choice, episode.support_x, episode.support_y, generator)
        with torch.no_grad():
            found = self.outcome(predict(episode.query_x), episode.query_y)
        log_probability = torch.stack([phi[name].log_softmax(dim=0)[index] for name, index in choice.items()]).sum()
        return Outcome(found.loss, found.scores, log_probability)

    def choose(self, phi: Phi, mode: Mode, generator: Generator) -> dict[str, int]:
        """Return the index chosen from each list: drawn in meta-training, the likeliest on unseen tasks."""
        if not mode.training:
            return {name: int(phi[name].argmax()) for name in ("steps", "rates")}
        return {
            name: int(torch.multinomial(phi[name].detach().cpu().double().softmax(dim=0), 1, generator=generator))
            for name in ("steps", "rates")
        }

    def _train(self, choice: dict[str, int], x: Tensor, y: Tensor, generator: Generator) -> Predictor:
        fresh = {name: value.to(x) for name, value in self.model.init(generator).items()}
        rate, steps = self.config.rates[choice["rates"]], self.config.steps[choice["steps"]]
        theta = trained(self.model, fresh, x, y, rate, steps)
        return lambda query_x: self.model.outputs(theta, query_x)
