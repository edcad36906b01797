"""Evolution strategies: a gradient out of scores alone (Salimans et al. 2017, "Evolution Strategies", algorithm 2)."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

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
)
from phiforge.learning.estimators.bases.reasons import untrainable
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Learner, Mode, Phi
from phiforge.learning.networks.bases.normalisation import mean_statistics
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig
from phiforge.registry.abilities import LearnerPart
from phiforge.tasks.episodes import Episode

PAIRS = "pairs"


class EvolutionConfig(PartConfig):
    """Evolution strategies with antithetic pairs (Salimans et al. 2017, algorithm 2; ES-MAML, Song et al. 2020)."""

    name: Literal["evolution"] = "evolution"
    sigma: float = Field(default=0.05, gt=0, description="Standard deviation of the perturbations.")
    pairs: int = Field(default=8, ge=1, le=10_000, description="Antithetic pairs that each job tries.")


class Evolution(Estimator):
    """A contribution is the scores of antithetic pairs φ ± σε; the ε are drawn again, from their names, to combine."""

    Config = EvolutionConfig
    no_local_steps = "contributes scores, which need every job's to become a step"
    no_staleness = "draws its perturbations again from the version that all jobs share"
    config: EvolutionConfig

    @classmethod
    def refuses(cls, learner: type[LearnerPart], config: Any) -> str | None:  # noqa: ANN401 - the learner's own
        """Refuse what has no φ; a gradient is not needed."""
        return untrainable(learner)

    def contribute(self, learner: Learner, phi: Phi, episodes: Sequence[Episode], step: Step, job: int) -> Contribution:
        """Return, of each pair, Σ L(φ + σε) - L(φ - σε) over the job's episodes; the loss is the mean of all tries."""
        mode = Mode(training=True, progress=step.progress)
        scores = torch.zeros(self.config.pairs, dtype=torch.float64)
        sums: Sums = NOTHING
        for pair in range(self.config.pairs):
            noise = perturbation(phi, step, job, pair)
            for sign in (1, -1):
                moved = {**phi, **{name: phi[name] + sign * self.config.sigma * noise[name] for name in noise}}
                found = _judge(learner, moved, episodes, mode, step, job)
                scores[pair] += sign * found["loss"]
                sums = added(sums, found)
        tries = 2 * self.config.pairs
        means = {name: value / tries for name, value in sums.items()}
        statistics = mean_statistics(phi, mode.noted)
        return Contribution(means, len(episodes), {PAIRS: scores}, statistics)

    def combine(self, phi: Phi, contributions: Sequence[Contribution], step: Step) -> Mapping[str, Tensor]:
        """Return Σ score · ε / 2σ over all pairs of all jobs, per task and pair: ∂/∂φ of the smoothed L."""
        tasks = sum(contribution.tasks for contribution in contributions)
        total: Tensors = {
            name: torch.zeros_like(value, dtype=torch.float64) for name, value in descended_entries(phi).items()
        }
        for job, contribution in enumerate(contributions):
            for pair, score in enumerate(contribution.values[PAIRS].tolist()):
                for name, noise in perturbation(phi, step, job, pair).items():
                    total[name] += score * noise.double()
        scale = 2 * self.config.sigma * self.config.pairs * tasks
        return {name: value / scale for name, value in total.items()}


def perturbation(phi: Phi, step: Step, job: int, pair: int) -> Tensors:
    """Return ε of a pair: standard normal, drawn on the CPU so that every device has the same."""
    generator = torch_generator(*step.seed("perturbation", job, pair))
    return {
        name: torch.randn(value.shape, generator=generator, dtype=torch.float64).to(value)
        for name, value in sorted(descended_entries(phi).items())
    }


def _judge(learner: Learner, phi: Phi, episodes: Sequence[Episode], mode: Mode, step: Step, job: int) -> Sums:
    """Return the summed scores; every try meets the same randomness, so that only φ makes a difference."""
    sums: Sums = NOTHING
    with torch.no_grad():
        for index, episode in enumerate(episodes):
            generator = torch_generator(*step.seed("episode", job, index))
            sums = added(sums, scores_of(learner.query_outcome(phi, episode, mode, generator)))
    return sums
