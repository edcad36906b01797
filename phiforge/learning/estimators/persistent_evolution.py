"""Persistent evolution strategies: long inner loops cut in pieces, without the bias of cutting.

Vicol, Metz and Sohl-Dickstein 2021, "Unbiased gradient estimation in unrolled computation graphs with persistent
evolution strategies", algorithm 2. A particle goes through the inner loop piece by piece. For each piece
t it draws a new perturbation ε_t of φ, and adds it to those before: ξ_t = ε_1 + ... + ε_t, all of σ. With L_t the loss
after piece t, at φ + ε_t from where the particle then was, and both signs of all ε tried,

    ∂L/∂φ ≈ Σ_t ξ_t (L_t(+) − L_t(−)) / 2σ², the mean over pairs.

Truncated evolution strategies weigh L_t by ε_t alone: they are biased, as they do not see what earlier pieces did to
it. Evolution strategies without pieces draw one ε for the whole loop.

As published, φ is updated after each piece, and particles live on from one update to the next. Here a job takes a pair
through all pieces of the loop of each of its tasks, and φ waits until they are over. So nothing is carried from job to
job, and every job is the same again. Between two updates the sum is the published one, term by term. What is not there
is the many updates in a loop, and with them the lag between φ and the particles, the one bias that the published
estimator has left.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

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
from phiforge.learning.estimators.bases.reasons import untrainable
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Learner, Mode, Outcome, Phi
from phiforge.learning.learners.bases.pieces import ends_of
from phiforge.learning.networks.bases.normalisation import mean_statistics
from phiforge.registry.abilities import LearnerPart
from phiforge.tasks.episodes import Episode

PIECES = "pieces"


class PersistentEvolutionConfig(AntitheticConfig):
    """Persistent evolution strategies with antithetic pairs (Vicol et al. 2021, algorithm 2)."""

    name: Literal["persistent_evolution"] = "persistent_evolution"
    truncation: int = Field(default=5, ge=1, le=1000, description="Inner steps of a piece, which has its own ε.")
    losses: Literal["every", "last"] = Field(
        default="every",
        description="Which query losses count: every (the mean of those after each piece, as published), last (that "
        "after the whole inner loop, which other estimators minimise; of maml_plus_plus: once its multi-step loss is "
        "over).",
    )


class PersistentEvolution(AntitheticEstimator):
    """A contribution is a difference of losses of each antithetic pair and piece; the ε are drawn again to combine."""

    Config = PersistentEvolutionConfig
    config: PersistentEvolutionConfig

    @classmethod
    def refuses(cls, learner: type[LearnerPart], config: Any) -> str | None:  # noqa: ANN401 - the learner's own
        """Refuse what has no φ, or no inner loop that can be cut."""
        if learner.cuts:
            return None
        reason = f"learner '{learner.name}' has no inner loop that can be cut: use estimator 'evolution'"
        return untrainable(learner) or reason

    def contribute(self, learner: Learner, phi: Phi, episodes: Sequence[Episode], step: Step, job: int) -> Contribution:
        """Return, of each pair and piece [pairs, pieces], Σ L_t(+) - L_t(-) over the job's episodes.

        Scores are means over all tries, of the models after the whole inner loop.
        """
        mode = Mode(training=True, progress=step.progress)
        pieces = len(ends_of(self.config.truncation, learner.config.inner_steps))
        differences = torch.zeros(self.config.pairs, pieces, dtype=torch.float64)
        sums: Sums = NOTHING
        for pair in range(self.config.pairs):
            noises = [perturbation(phi, step, job, pair, piece) for piece in range(pieces)]
            for sign in SIGNS:
                phis = [moved(phi, noise, sign * self.config.sigma) for noise in noises]
                for outcomes in self._unrolled(learner, phis, episodes, mode, step, job):
                    differences[pair] += sign * self._weighed([each.loss.item() for each in outcomes])
                    sums = added(sums, scores_of(outcomes[-1]))
        tries = len(SIGNS) * self.config.pairs
        means = {name: value / tries for name, value in sums.items()}
        return Contribution(means, len(episodes), {PIECES: differences}, mean_statistics(phi, mode.noted))

    def combine(self, phi: Phi, contributions: Sequence[Contribution], step: Step) -> Mapping[str, Tensor]:
        """Return Σ ξ_t · difference_t / 2σ over pieces, pairs and jobs, per task and pair.

        An ε counts for the loss after its own piece and for all later ones.
        """
        tasks, total = sum(contribution.tasks for contribution in contributions), zeros(phi)
        for job, contribution in enumerate(contributions):
            later = contribution.values[PIECES].flip(1).cumsum(1).flip(1)
            for pair, scores in enumerate(later.tolist()):
                for piece, score in enumerate(scores):
                    for name, noise in perturbation(phi, step, job, pair, piece).items():
                        total[name] += score * noise.double()
        scale = 2 * self.config.sigma * self.config.pairs * tasks
        return {name: value / scale for name, value in total.items()}

    def _unrolled(
        self, learner: Learner, phis: Sequence[Phi], episodes: Sequence[Episode], mode: Mode, step: Step, job: int
    ) -> Iterator[list[Outcome]]:
        """Yield what came after each piece, of each episode; every try meets the same randomness."""
        with torch.no_grad():
            for index, episode in enumerate(episodes):
                generator = torch_generator(*step.seed("episode", job, index))
                drawing = mode.drawing(generator)
                yield learner.outcomes_by_pieces(phis, self.config.truncation, episode, drawing, generator)

    def _weighed(self, losses: Sequence[float]) -> Tensor:
        """Return how much the loss after each piece [pieces] counts, times that loss."""
        found = torch.tensor(losses, dtype=torch.float64)
        if self.config.losses == "every":
            return found / len(losses)
        found[:-1] = 0
        return found
