"""From a full set of contributions to the next version of φ."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from phiforge.learning import optimizers
from phiforge.learning.estimators import Contribution, Estimator, Step
from phiforge.learning.estimators.bases.estimator import summed
from phiforge.learning.finite import NotFiniteError, advice, all_finite, is_finite, size
from phiforge.learning.tensors import Tensors, encode, fingerprint

MOMENTUM = 0.1
"""How much of a normalisation's running statistics one version replaces, as in torch."""


class Reduced(NamedTuple):
    """One outer update: the next φ and optimiser's state, as safetensors bytes, and means over its tasks."""

    phi: bytes
    optimizer: bytes
    phi_hash: str
    optimizer_hash: str
    scores: dict[str, float]
    """Means over the version's tasks, ``loss`` among them."""


def reduce(estimator: Estimator, step: Step, phi: Tensors, optimizer: Tensors, payloads: Sequence[bytes]) -> Reduced:
    """Return version + 1 from φ, the optimiser's state and every job's contribution, in order of job.

    If the spec keeps an average of φ, it is in the optimiser's state.

    Raises NotFiniteError if the loss or φ stops being finite: such a run cannot get better.
    """
    contributions = [Contribution.from_bytes(payload) for payload in payloads]
    tasks = sum(contribution.tasks for contribution in contributions)
    names = contributions[0].scores
    scores = {name: sum(each.scores[name] for each in contributions) / tasks for name in names}
    loss = scores["loss"]
    direction = estimator.combine(phi, contributions, step)
    updated = optimizers.update(step.spec.outer, step.version, phi, optimizer, direction)
    new_phi = updated.phi | averaged(phi, contributions)
    state = updated.state | optimizers.moved_on(step.spec.outer, step.version, updated.state, new_phi)
    if not math.isfinite(loss) or not all_finite((*new_phi.values(),)):
        sizes = [size(contribution) if is_finite(contribution) else math.inf for contribution in contributions]
        job = sizes.index(max(sizes))
        raise NotFiniteError(
            job,
            f"the step from version {step.version} is not finite (query loss {loss}; the largest contribution, of norm "
            f"{sizes[job]:.3g}, is job {job}'s): {advice(step.spec)}",
        )
    return Reduced(
        phi=encode(new_phi),
        optimizer=encode(state),
        phi_hash=fingerprint(new_phi),
        optimizer_hash=fingerprint(state),
        scores=scores,
    )


def averaged(phi: Mapping[str, Tensor], contributions: Sequence[Contribution]) -> Tensors:
    """Return φ's statistics, moved towards the mean over tasks of what the jobs saw."""
    tasks = sum(contribution.tasks for contribution in contributions)
    weighted = [
        {name: value.double() * contribution.tasks for name, value in contribution.statistics.items()}
        for contribution in contributions
    ]
    return {
        name: (phi[name].double() * (1 - MOMENTUM) + value / tasks * MOMENTUM).to(phi[name].dtype)
        for name, value in summed(weighted).items()
    }
