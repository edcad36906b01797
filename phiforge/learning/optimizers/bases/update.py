"""One outer update: pure functions from (φ, state, gradient) to (φ, state), computed in float64."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from phiforge.learning.optimizers.bases import averaging
from phiforge.learning.optimizers.bases.clipping import clipped
from phiforge.learning.optimizers.bases.optimizer import SINCE, build_optimizer
from phiforge.learning.optimizers.bases.rates import rate_of
from phiforge.learning.tensors import Tensors
from phiforge.registry import OPTIMIZERS
from phiforge.spec.outer import Outer


class Updated(NamedTuple):
    """φ and the optimiser's state after one outer update, in the types they came in."""

    phi: Tensors
    state: Tensors


def init_state(outer: Outer, phi: Mapping[str, Tensor], version: int = 0) -> Tensors:
    """Return the state before the first update: zeros of φ's shapes, under the optimiser's slots as ``mean/NAME``.

    Where the first update is not that of version 0, an optimiser that counts its updates must know which it is. If
    ``outer`` keeps an average of φ, it begins here too.
    """
    optimizer = OPTIMIZERS[outer.optimizer.name]
    state = {f"{slot}/{name}": torch.zeros_like(value) for slot in optimizer.slots for name, value in phi.items()}
    if optimizer.counts_updates and version:
        state[SINCE] = torch.tensor(version)
    return state | averaging.begun(outer, phi, version)


def update(
    outer: Outer, version: int, phi: Mapping[str, Tensor], state: Mapping[str, Tensor], gradient: Mapping[str, Tensor]
) -> Updated:
    """Return φ of ``version + 1``; entries of φ without a gradient stay as they are.

    Args:
        outer: the outer loop: optimiser, rates, schedule, clipping.
        version: the version that is updated.
        phi: tensors by name.
        state: what ``init_state`` or the update before returned.
        gradient: by name of φ's entries, of their shapes.
    """
    optimizer = build_optimizer(outer.optimizer)
    new_phi, new_state = dict(phi), dict(state)
    updates = version + 1 - int(state.get(SINCE, 0))
    for name, slope in clipped(gradient, outer.clip_norm).items():
        value = phi[name]
        kept = {slot: state[f"{slot}/{name}"].double() for slot in optimizer.slots}
        found = optimizer.direction(slope, kept, updates)
        new_phi[name] = (value.double() - rate_of(outer, version, name) * found.step).to(value.dtype)
        new_state |= {f"{slot}/{name}": tensor.to(value.dtype) for slot, tensor in found.kept.items()}
    return Updated(new_phi, new_state)
