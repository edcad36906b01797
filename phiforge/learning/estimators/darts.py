"""DARTS: the support set trains the weights, the query set the architecture.

Liu, Simonyan and Yang 2019, "DARTS: Differentiable Architecture Search", algorithm 1, with a task's support set as
training and its query set as validation data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

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
from phiforge.learning.estimators.bases.reasons import acting, own_norm, shared_architecture, untrainable
from phiforge.learning.learners import Learner, Mode, Outcome, Phi
from phiforge.learning.learners.bases.gradient import GradientLearner
from phiforge.learning.networks.bases.normalisation import mean_statistics
from phiforge.learning.networks.bases.relaxed import is_architecture
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig
from phiforge.registry.abilities import LearnerPart
from phiforge.tasks.episodes import Episode


class DartsConfig(PartConfig):
    """The architecture by the query loss, the weights by the support loss (Liu et al. 2019, algorithm 1)."""

    name: Literal["darts"] = "darts"
    order: Literal["second", "first"] = Field(
        default="second",
        description="second: the gradient of the architecture passes through the steps of the weights (ξ = inner_lr); "
        "first: it is taken where they start (ξ = 0).",
    )


class Examined(NamedTuple):
    """Of one episode: what it says of each entry of φ, and how the adapted model did on the query set."""

    direction: Tensors
    scores: Sums


class Darts(Estimator):
    """A contribution is, summed over the job's episodes, ∇_α L_query(w', α) for the logits and Σ ∇_w L_support for w.

    w' = w − ξ ∇_w L_support(w, α) (Liu et al. 2019, equation 6). By the chain rule (equation 7) that is
    ∇_α L_query(w', α) − ξ ∇²_{α,w} L_support(w, α) ∇_{w'} L_query(w', α), computed exactly, not by the differences
    of equation 8. With several ``inner_steps`` w' is after all of them, and w moves along their sum (w − w') / inner_lr
    as in Reptile, which MetaNAS takes for both (Elsken et al. 2020). With one, both are as published.
    """

    Config = DartsConfig
    for_example: ClassVar[Mapping[str, Any] | None] = {"name": "meta_nas", "adapts": "weights"}
    config: DartsConfig

    @classmethod
    def refuses(cls, learner: type[LearnerPart], config: Any) -> str | None:  # noqa: ANN401 - the learner's own
        """Refuse what has no architecture, or lets tasks change it."""
        if why := acting("darts", learner):
            return why
        if not learner.searches:
            return untrainable(learner) or f"learner '{learner.name}' has no architecture in φ: use learner 'meta_nas'"
        if config.adapts != "weights":
            return shared_architecture("darts", learner, config)
        return own_norm(config)

    def contribute(self, learner: Learner, phi: Phi, episodes: Sequence[Episode], step: Step, job: int) -> Contribution:
        """Return the summed directions; loss and accuracy are those of the adapted models on the query sets."""
        if not isinstance(learner, GradientLearner):
            raise TypeError(f"learner {learner.name!r} has no inner loop")
        second = self.config.order == "second"
        mode = Mode(training=True, second_order=second, progress=step.progress)
        found = [self.examined(learner, phi, episode, mode) for episode in episodes]
        sums: Sums = NOTHING
        for each in found:
            sums = added(sums, each.scores)
        values = {name: value.to(phi[name].dtype) for name, value in summed([each.direction for each in found]).items()}
        return Contribution(sums, len(episodes), values, mean_statistics(phi, mode.noted))

    def examined(self, learner: GradientLearner, phi: Phi, episode: Episode, mode: Mode) -> Examined:
        """Return what one episode says."""
        leaves = {name: value.detach().requires_grad_() for name, value in descended_entries(phi).items()}
        logits = {name: value for name, value in leaves.items() if is_architecture(name)}
        path = learner.path({**phi, **leaves}, episode.support_x, episode.support_y, mode)
        outcome = _outcome(learner, path, len(path) - 1, episode, mode)
        judged = outcome if mode.second_order else _outcome(learner, path, 0, episode, replace(mode, noted={}))
        direction = gradient_of([judged.loss], logits)
        rate = learner.config.inner_lr
        with torch.no_grad():
            gone = {name: (path[0][name] - path[-1][name]) / rate for name in leaves if name not in logits}
        return Examined(direction | gone, scores_of(outcome))


def _outcome(learner: GradientLearner, path: Sequence[Tensors], steps: int, episode: Episode, mode: Mode) -> Outcome:
    """Return how the model after so many steps does on the query set."""
    outputs: Tensor = learner.outputs(path[steps], episode.query_x, mode.at(steps), mode)
    return learner.outcome(outputs, episode.query_y)
