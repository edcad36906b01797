"""ENAS: architectures are drawn and share their weights; what does better than others becomes likelier.

Pham et al. 2018, "Efficient Neural Architecture Search via Parameter Sharing", section 2.2, with the score function of
Williams 1992 (section 4). With ``policy: uniform`` it is random search with weight sharing (Li and Talwalkar 2019,
"Random Search and Reproducibility for Neural Architecture Search", section 3.2).

What differs from ENAS:

* It has no LSTM as controller: an edge's operation is drawn for itself, with probabilities softmax(α), and the logits α
  are entries of φ.
* Its baseline is no moving average of rewards, for nothing is carried from job to job: it is the mean loss of the
  other episodes of a job. It has not seen the draw that it is for, so the gradient is unbiased. A job of one episode
  has none.
* Its reward is minus the query loss, of the same tasks that the weights learn from; ENAS takes turns, and rewards the
  controller by validation accuracy.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from pydantic import Field

from phiforge.learning.estimators.bases.estimator import (
    NOTHING,
    Contribution,
    Estimator,
    Step,
    Sums,
    added,
    descended_entries,
    scores_of,
    summed,
)
from phiforge.learning.estimators.bases.gradients import gradient_of
from phiforge.learning.estimators.bases.reasons import acting, unsearchable, untrainable, without_gradient
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Learner, Mode, Phi
from phiforge.learning.networks.bases.policy import alike, drawn, entropy_slope, logits_of, score
from phiforge.learning.networks.bases.relaxed import certain
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig
from phiforge.registry.abilities import LearnerPart
from phiforge.tasks.episodes import Episode


class EnasConfig(PartConfig):
    """One architecture drawn for each task, and weights that all share (Pham et al. 2018)."""

    name: Literal["enas"] = "enas"
    policy: Literal["learned", "uniform"] = Field(
        default="learned",
        description="What draws operations: learned (the logits, which REINFORCE moves), uniform (all alike; "
        "the logits stay, and it is random search with weight sharing).",
    )
    entropy: float = Field(
        default=1e-4, ge=0, le=100, description="How much the policy's entropy counts beside the loss; it explores."
    )
    order: Literal["second", "first"] = Field(
        default="second",
        description="Whether the weights' gradient passes through a learner's inner steps, or takes them as constants.",
    )


class Drawn(NamedTuple):
    """Of one episode: the slope of its loss in the weights, that of log p of its draw in the logits, and its scores."""

    weights: Tensors
    score: Tensors
    scores: Sums


class Enas(Estimator):
    """A contribution is Σ ∂lⁿ/∂w for the weights w and Σ (lⁿ − bⁿ) ∂ log p(mⁿ)/∂α − entropy · ∂H/∂α for the logits.

    mⁿ is what was drawn for episode n, lⁿ its query loss with operations mⁿ alone, bⁿ the mean loss of the job's other
    episodes, H the entropy of the policy. That is Pham et al. 2018, equation 1 with one draw an episode, and the rule
    of Williams 1992 for the policy. In the mean over draws it is the gradient of Σ_m p(m) L(w, m) − entropy · H.
    """

    Config = EnasConfig
    for_example: ClassVar[Mapping[str, Any] | None] = {"name": "meta_nas", "adapts": "weights"}
    config: EnasConfig

    @classmethod
    def indifferent(cls, config: EnasConfig) -> bool:
        """As its policy."""
        return config.policy == "uniform"

    @classmethod
    def refuses(cls, learner: type[LearnerPart], config: Any) -> str | None:  # noqa: ANN401 - the learner's own
        """Refuse what has no architecture in φ, lets tasks change it, or averages over architectures."""
        why = untrainable(learner) or acting("enas", learner) or without_gradient(learner)
        return why or unsearchable("enas", learner, config)

    def contribute(self, learner: Learner, phi: Phi, episodes: Sequence[Episode], step: Step, job: int) -> Contribution:
        """Return the summed gradients; loss and accuracy are those of the networks that were drawn."""
        mode = Mode(training=True, second_order=self.config.order == "second", progress=step.progress)
        found = [
            self.examined(learner, phi, episode, mode, torch_generator(*step.seed("episode", job, index)))
            for index, episode in enumerate(episodes)
        ]
        values = summed([each.weights for each in found])
        if not self.indifferent(self.config):
            values |= self._policy_slope(phi, found)
        sums: Sums = NOTHING
        for each in found:
            sums = added(sums, each.scores)
        return Contribution(sums, len(episodes), {name: value.to(phi[name].dtype) for name, value in values.items()})

    def examined(self, learner: Learner, phi: Phi, episode: Episode, mode: Mode, generator: torch.Generator) -> Drawn:
        """Return what one episode says, of the network that ``generator`` draws for it."""
        logits = logits_of(phi)
        choices = drawn(alike(logits) if self.indifferent(self.config) else logits, generator)
        at = {name: value for name, value in descended_entries(phi).items() if name not in logits}
        leaves = {name: value.detach().requires_grad_() for name, value in at.items()}
        outcome = learner.query_outcome({**phi, **leaves, **certain(logits, choices)}, episode, mode, generator)
        return Drawn(gradient_of([outcome.loss], leaves), score(logits, choices), scores_of(outcome))

    def _policy_slope(self, phi: Phi, found: Sequence[Drawn]) -> Tensors:
        losses = torch.tensor([each.scores["loss"] for each in found], dtype=torch.float64)
        others = (losses.sum() - losses) / max(1, len(losses) - 1)
        entropy = {name: self.config.entropy * slope for name, slope in entropy_slope(logits_of(phi)).items()}
        return summed(
            [
                {name: gap * slope - entropy[name] for name, slope in each.score.items()}
                for gap, each in zip((losses - others).tolist(), found, strict=True)
            ]
        )
