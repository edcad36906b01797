"""Evolution strategies: a gradient out of scores alone (Salimans et al. 2017, "Evolution Strategies", algorithm 2)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from phiforge.learning.estimators.bases.antithetic import AntitheticConfig, AntitheticEstimator
from phiforge.learning.estimators.bases.estimator import (
    NOTHING,
    Contribution,
    Step,
    Sums,
    added,
    scores_of,
)
from phiforge.learning.estimators.bases.perturbations import SIGNS, moved, perturbation, zeros
from phiforge.learning.estimators.bases.ranks import centred_ranks
from phiforge.learning.estimators.bases.reasons import untrainable
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Learner, Mode, Phi
from phiforge.learning.networks.bases.normalisation import mean_statistics
from phiforge.registry.abilities import LearnerPart
from phiforge.registry.section import Since
from phiforge.tasks.episodes import Episode

PAIRS = "pairs"


class EvolutionConfig(AntitheticConfig):
    """Evolution strategies with antithetic pairs (Salimans et al. 2017, algorithm 2; ES-MAML, Song et al. 2020)."""

    name: Literal["evolution"] = "evolution"
    shaping: Annotated[Literal["none", "centred_ranks"], Since(2, absent="none")] = Field(
        default="none",
        description="What counts of a try: none (its loss), centred_ranks (the place of its loss among those of its "
        "job, from -1/2 to 1/2: no outlier decides, and the size of losses does not matter).",
    )


class Evolution(AntitheticEstimator):
    """A contribution is the scores of antithetic pairs φ ± σε; the ε are drawn again, from their names, to combine."""

    Config = EvolutionConfig
    config: EvolutionConfig

    @classmethod
    def refuses(cls, learner: type[LearnerPart], config: Any) -> str | None:  # noqa: ANN401 - the learner's own
        """Refuse what has no φ; a gradient is not needed."""
        return untrainable(learner)

    def contribute(self, learner: Learner, phi: Phi, episodes: Sequence[Episode], step: Step, job: int) -> Contribution:
        """Return, of each pair, Σ L(φ + σε) - L(φ - σε) over the job's episodes; the loss is the mean of all tries.

        Shaped by ranks, it is their difference instead, times the episodes.
        """
        mode = Mode(training=True, progress=step.progress)
        losses = torch.zeros(self.config.pairs, len(SIGNS), dtype=torch.float64)
        sums: Sums = NOTHING
        for pair in range(self.config.pairs):
            noise = perturbation(phi, step, job, pair)
            for side, sign in enumerate(SIGNS):
                found = _judge(learner, moved(phi, noise, sign * self.config.sigma), episodes, mode, step, job)
                losses[pair, side] = found["loss"]
                sums = added(sums, found)
        tries = losses.numel()
        means = {name: value / tries for name, value in sums.items()}
        statistics = mean_statistics(phi, mode.noted)
        return Contribution(means, len(episodes), {PAIRS: self._differences(losses, len(episodes))}, statistics)

    def _differences(self, losses: Tensor, tasks: int) -> Tensor:
        """Return what each pair [pairs] says, of ``losses`` [pairs, 2] summed over tasks."""
        counted = losses if self.config.shaping == "none" else tasks * centred_ranks(losses)
        return counted[:, 0] - counted[:, 1]

    def combine(self, phi: Phi, contributions: Sequence[Contribution], step: Step) -> Mapping[str, Tensor]:
        """Return Σ score · ε / 2σ over all pairs of all jobs, per task and pair: ∂/∂φ of the smoothed L."""
        tasks = sum(contribution.tasks for contribution in contributions)
        total = zeros(phi)
        for job, contribution in enumerate(contributions):
            for pair, score in enumerate(contribution.values[PAIRS].tolist()):
                for name, noise in perturbation(phi, step, job, pair).items():
                    total[name] += score * noise.double()
        scale = 2 * self.config.sigma * self.config.pairs * tasks
        return {name: value / scale for name, value in total.items()}


def _judge(learner: Learner, phi: Phi, episodes: Sequence[Episode], mode: Mode, step: Step, job: int) -> Sums:
    """Return the summed scores; every try meets the same randomness, so that only φ makes a difference."""
    sums: Sums = NOTHING
    with torch.no_grad():
        for index, episode in enumerate(episodes):
            generator = torch_generator(*step.seed("episode", job, index))
            sums = added(sums, scores_of(learner.query_outcome(phi, episode, mode.drawing(generator), generator)))
    return sums
