"""REINFORCE: choices that did better than their job's mean become likelier (Williams 1992, section 4)."""

from collections.abc import Sequence
from typing import Any, Literal

import torch

from phiforge.learning.estimators.bases.estimator import (
    NOTHING,
    Contribution,
    Estimator,
    Step,
    Sums,
    added,
    scores_of,
)
from phiforge.learning.estimators.bases.gradients import gradient_of
from phiforge.learning.estimators.bases.reasons import acting, untrainable
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Learner, Mode, Phi
from phiforge.registry import PartConfig
from phiforge.registry.abilities import LearnerPart
from phiforge.tasks.episodes import Episode


class ReinforceConfig(PartConfig):
    """The score function: choices that did better than their job's mean become likelier (Williams 1992, section 4)."""

    name: Literal["reinforce"] = "reinforce"


class Reinforce(Estimator):
    """The contribution is Σ (lⁿ - b) ∂ log p(choiceⁿ)/∂φ, where b is the mean loss of the job's other episodes."""

    Config = ReinforceConfig

    @classmethod
    def refuses(cls, learner: type[LearnerPart], config: Any) -> str | None:  # noqa: ANN401 - the learner's own
        """Refuse what makes no choices."""
        if why := acting("reinforce", learner):
            return why
        if learner.chooses:
            return None
        return untrainable(learner) or f"learner '{learner.name}' draws no choices: use learner 'chosen_training'"

    def contribute(self, learner: Learner, phi: Phi, episodes: Sequence[Episode], step: Step, job: int) -> Contribution:
        """Return the summed score-function gradient: unbiased, since no baseline has seen the choice it is for."""
        mode = Mode(training=True, progress=step.progress)
        leaves = {name: value.detach().requires_grad_() for name, value in phi.items()}
        outcomes = [
            learner.query_outcome(leaves, episode, mode, torch_generator(*step.seed("episode", job, index)))
            for index, episode in enumerate(episodes)
        ]
        losses = torch.stack([outcome.loss.detach().double() for outcome in outcomes])
        others = (losses.sum() - losses) / max(1, len(losses) - 1)
        scores = [
            (loss - other) * outcome.log_probability
            for loss, other, outcome in zip(losses, others, outcomes, strict=True)
            if outcome.log_probability is not None
        ]
        values = {name: value.to(phi[name].dtype) for name, value in gradient_of(scores, leaves).items()}
        sums: Sums = NOTHING
        for outcome in outcomes:
            sums = added(sums, scores_of(outcome))
        return Contribution({**sums, "loss": float(losses.sum())}, len(episodes), values)
