"""Jobs that take several outer steps by themselves before they contribute: fewer versions, fewer bytes moved.

Local SGD (Stich 2019); with an adaptive optimiser inside a job and momentum outside, DiLoCo (Douillard et al. 2023).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from phiforge.base.seeds import SeedPart
from phiforge.learning import optimizers
from phiforge.learning.estimators import Contribution, Estimator, Step, build_estimator
from phiforge.learning.estimators.bases.estimator import NOTHING, Sums, added, descended_entries, summed
from phiforge.learning.learners import Learner, Phi
from phiforge.learning.reduction import averaged
from phiforge.learning.tensors import Tensors
from phiforge.spec.outer import Outer
from phiforge.spec.run import RunSpec
from phiforge.tasks.episodes import Episode


def estimator_of(spec: RunSpec) -> Estimator:
    """Return how the jobs of a run contribute: by one step's estimate or, if so asked, by several steps."""
    estimator = build_estimator(spec.estimator)
    return LocalSteps(estimator) if spec.outer.local_steps > 1 else estimator


@dataclass(frozen=True)
class LocalStep(Step):
    """One of the steps inside a job: each meets its own randomness."""

    place: int = 0

    def seed(self, *parts: SeedPart) -> tuple[SeedPart, ...]:
        """Name a random choice of this step of the job."""
        return super().seed("local", self.place, *parts)


class Stride(NamedTuple):
    """One step that a job took by itself: from φ ``before``, by what was ``found`` of its episodes, to φ ``after``."""

    step: LocalStep
    before: Phi
    episodes: Sequence[Episode]
    found: Contribution
    after: Tensors


class LocalSteps(Estimator):
    """A contribution is (φ - φ') · tasks, where φ' is φ after the job's own steps; the outer optimiser descends it.

    So plain descent with rate 1 averages what the jobs came to. The optimiser inside starts afresh in each job, since
    nothing that a worker remembers may change what it contributes.
    """

    def __init__(self, estimator: Estimator) -> None:
        super().__init__(estimator.config)
        self.estimator = estimator

    def contribute(self, learner: Learner, phi: Phi, episodes: Sequence[Episode], step: Step, job: int) -> Contribution:
        """Return how far φ went in ``len(episodes) / job_size`` steps; loss and accuracy are sums over all of them."""
        taken = list(self.strides(learner, phi, episodes, step, job))
        return _gone(phi, taken[-1].after, [each.found for each in taken])

    def strides(
        self, learner: Learner, phi: Phi, episodes: Sequence[Episode], step: Step, job: int
    ) -> Iterator[Stride]:
        """Yield the steps that a job takes by itself, in order; arguments as of ``contribute``."""
        inside, size = _inside(step.spec.outer), step.spec.outer.job_size
        local, state = dict(phi), optimizers.init_state(inside, phi)
        for place, start in enumerate(range(0, len(episodes), size)):
            here = LocalStep(step.spec, step.version, place)
            found = self.estimator.contribute(learner, local, episodes[start : start + size], here, job)
            direction = self.estimator.combine(local, [found], here)
            updated = optimizers.update(inside, place, local, state, direction)
            before, local, state = local, updated.phi | averaged(local, [found]), updated.state
            yield Stride(here, before, episodes[start : start + size], found, local)


def _inside(outer: Outer) -> Outer:
    """Return the outer loop as it is inside a job: a rate of its own, without a schedule."""
    own = {"optimizer": outer.local_optimizer, "lr": outer.local_lr}
    return outer.model_copy(update=own | {"schedule": "constant", "warmup": 0, "average": None})


def _gone(phi: Phi, local: Phi, taken: Sequence[Contribution]) -> Contribution:
    tasks = sum(each.tasks for each in taken)
    values = {
        name: ((value.double() - local[name].double()) * tasks).to(value.dtype)
        for name, value in descended_entries(phi).items()
    }
    statistics = {
        name: (value / len(taken)).to(phi[name].dtype)
        for name, value in summed([each.statistics for each in taken]).items()
    }
    sums: Sums = NOTHING
    for each in taken:
        sums = added(sums, each.scores)
    return Contribution(sums, tasks, values, statistics)
