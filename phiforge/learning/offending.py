"""Which episode of a job makes its contribution no number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from phiforge.base.seeds import SeedPart
from phiforge.learning.estimators import Contribution, Estimator, Step
from phiforge.learning.estimators.bases.local_steps import LocalSteps, estimator_of
from phiforge.learning.finite import all_finite, is_finite
from phiforge.learning.learners import Learner, Phi
from phiforge.spec.run import RunSpec
from phiforge.tasks.episodes import Episode


@dataclass(frozen=True)
class OneEpisode(Step):
    """A step in which a job is made of one of its episodes alone, which meets the randomness it has in its place."""

    whole: Step
    place: int

    @classmethod
    def of(cls, whole: Step, place: int) -> Self:
        """Return the step that the episode at ``place`` of a job takes alone, of the ``whole`` job's."""
        return cls(whole.spec, whole.version, whole, place)

    def seed(self, *parts: SeedPart) -> tuple[SeedPart, ...]:
        """Name a random choice as in the whole job."""
        return self.whole.seed(*(*parts[:-1], self.place) if parts[0] == "episode" else parts)


def alone(
    learner: Learner, spec: RunSpec, phi: Phi, episodes: Sequence[Episode], version: int, job: int
) -> list[Contribution]:
    """Return what each episode of a job contributes by itself, from the φ that the job meets it with.

    Of a job that takes steps by itself only the episodes up to the first step that is not finite: after that there is
    no φ to meet others with.
    """
    estimator, step = estimator_of(spec), Step(spec, version)
    if not isinstance(estimator, LocalSteps):
        return _each(estimator, learner, phi, episodes, step, job)
    found: list[Contribution] = []
    for stride in estimator.strides(learner, phi, episodes, step, job):
        found += _each(estimator.estimator, learner, stride.before, stride.episodes, stride.step, job)
        if not (is_finite(stride.found) and all_finite((*stride.after.values(),))):
            break
    return found


def _each(
    estimator: Estimator, learner: Learner, phi: Phi, episodes: Sequence[Episode], step: Step, job: int
) -> list[Contribution]:
    return [
        estimator.contribute(learner, phi, [episode], OneEpisode.of(step, place), job)
        for place, episode in enumerate(episodes)
    ]


def offender(contributions: Sequence[Contribution]) -> int | None:
    """Return the place of the first contribution that is not finite; None if only their sum is too much."""
    return next((place for place, each in enumerate(contributions) if not is_finite(each)), None)
