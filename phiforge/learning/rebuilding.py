"""Every version of φ again, from φ₀ and what jobs contributed: no learner, no task, no network is looked at.

Of evolution strategies a contribution is a few scores, and the perturbations are drawn again from the names of their
seeds. So the whole history of φ is as many numbers as there were tries.
"""

from collections.abc import Iterable, Iterator, Sequence

from phiforge.learning.estimators import Step
from phiforge.learning.estimators.bases.local_steps import estimator_of
from phiforge.learning.learners import Phi
from phiforge.learning.meta_training import Version
from phiforge.learning.optimizers import init_state, judged
from phiforge.learning.reduction import reduce
from phiforge.learning.repeatable import as_a_trainer
from phiforge.learning.tensors import decode, encode
from phiforge.spec.run import RunSpec


def rebuilt(spec: RunSpec, phi: Phi, contributions: Iterable[Sequence[bytes]]) -> Iterator[Version]:
    """Yield version 1 of φ and all that follow, the same to the bit as when they were made.

    Args:
        spec: what was learned and how.
        phi: φ₀.
        contributions: of each version, from 1 on, its jobs' in order of job, as ``meta_train`` gives them.

    Raises FormatError if bytes are no contribution, NotFiniteError if φ stops being finite.

    Example::

        kept = list(meta_train(spec, Tasks(spec).training))
        again = list(rebuilt(spec, kept[0].phi, [each.contributions for each in kept[1:]]))
    """
    estimator, here = estimator_of(spec), decode(encode(dict(phi)))
    optimizer = init_state(spec.outer, here)
    for version, payloads in enumerate(contributions):
        with as_a_trainer(spec.numerics.threads):
            found = reduce(estimator, Step(spec, version), here, optimizer, payloads)
        here, optimizer = decode(found.phi), decode(found.optimizer)
        shown = judged(spec.outer, here, optimizer)
        yield Version(version + 1, here, found.phi_hash, found.scores, shown, tuple(payloads))
