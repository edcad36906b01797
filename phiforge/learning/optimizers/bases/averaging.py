"""An exponential average of φ over its versions, kept with the optimiser's state (Kingma and Ba 2015, section 7.2).

Of the versions v = 1 … t since it began, the average is Σ d^(t-v) φ_v / Σ d^(t-v), where d is ``decay``. Its weights
sum to one at any time, so that φ₀, which nobody learned, has no part in it. It goes where the optimiser's state goes:
into the hash, the checkpoints and the commit, so it is as exact as φ itself.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from phiforge.base.errors import RunError
from phiforge.learning.tensors import Tensors, with_prefix, without_prefix
from phiforge.spec.outer import Outer

AVERAGE = "phi_average"
"""Begins the names of its entries in an optimiser's state."""
AVERAGE_SINCE = "phi_average_since"
"""Names the version after which it began, in a state where that is not 0."""


def begun(outer: Outer, phi: Mapping[str, Tensor], version: int = 0) -> Tensors:
    """Return the entries of an average that begins after ``version``, which is φ itself until then; none without one.

    Args:
        outer: the outer loop, which says whether there is an average.
        phi: of ``version``, tensors by name.
        version: which it is.
    """
    if outer.average is None:
        return {}
    since = {AVERAGE_SINCE: torch.tensor(version)} if version else {}
    return with_prefix(AVERAGE, phi) | since


def moved_on(outer: Outer, version: int, state: Mapping[str, Tensor], phi: Mapping[str, Tensor]) -> Tensors:
    """Return the average's entries in the state after the update from ``version``, which made ``phi``.

    Args:
        outer: the outer loop, which says whether there is an average.
        version: the version that was updated.
        state: before, the average's entries among others.
        phi: of ``version + 1``.
    """
    if outer.average is None:
        return {}
    decay, versions = outer.average.decay, version + 1 - int(state.get(AVERAGE_SINCE, 0))
    share = (1 - decay) / (1 - decay**versions)
    return {f"{AVERAGE}/{name}": _towards(state[f"{AVERAGE}/{name}"], value, share) for name, value in phi.items()}


def carried_on(outer: Outer, phi: Mapping[str, Tensor], state: Mapping[str, Tensor], version: int) -> Tensors:
    """Return the state of a run that goes on from another's, with the average that its own spec asks for.

    Args:
        outer: of the run that goes on.
        phi: of ``version``.
        state: of ``version``, of the run before.
        version: where it goes on.
    """
    average = kept(state)
    without = {name: value for name, value in state.items() if name not in average}
    if outer.average is None:
        return without
    return dict(state) if average else without | begun(outer, phi, version)


def kept(state: Mapping[str, Tensor]) -> Tensors:
    """Return what of a state is the average's."""
    return {name: value for name, value in state.items() if name.startswith(f"{AVERAGE}/") or name == AVERAGE_SINCE}


def judged_by(outer: Outer) -> str:
    """Return what stands for φ where it is judged: ``phi`` or ``average``."""
    return "average" if outer.average and outer.average.judged else "phi"


def judged(outer: Outer, phi: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> Tensors:
    """Return what stands for φ where it is judged and used: the average if the spec says so, else φ.

    Raises RunError if the spec asks for an average that the run did not keep.
    """
    if judged_by(outer) == "phi":
        return dict(phi)
    average = without_prefix(AVERAGE, state)
    if not average:
        raise RunError("outer.average: the run kept no average of φ; allowed: null, or a run submitted with it")
    return average


def _towards(average: Tensor, value: Tensor, share: float) -> Tensor:
    before = average.double()
    return (before + share * (value.double() - before)).to(value.dtype)
