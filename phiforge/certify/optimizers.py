"""What every outer optimiser promises: a pure step, the slots it declares, and a way down a bowl."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from phiforge.certify import material
from phiforge.certify.differences import relative_error
from phiforge.certify.proof import Figure, Proof, count
from phiforge.learning.generators import torch_generator
from phiforge.learning.optimizers import Optimizer, build_optimizer, init_state, update
from phiforge.learning.optimizers.bases.optimizer import Direction
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig
from phiforge.registry.abilities import OptimizerPart
from phiforge.spec.outer import Outer

SHAPE = (3, 4)
RATE, UPDATES, LOWERED = 0.02, 400, 0.1
FEW_UPDATES, BY_TYPE = 10, 1e-5
LATE = 7


def proofs(part: type[OptimizerPart]) -> Iterator[Proof]:
    """Yield the proofs of an outer optimiser with its defaults."""
    config = part.Config(name=part.name)
    yield Proof("keeps the slots that it declares", partial(slots, part, config))
    yield Proof("a step is float64, of its entry's shape", partial(shapes, config))
    yield Proof("the same gradients give the same step", partial(same_step, config))
    yield Proof("a step leaves gradient and memory as they were", partial(leaves_inputs, config))
    yield Proof("counts its updates, or not, as it says", partial(counting, part, config))
    yield Proof("goes down a bowl to a tenth of its height", partial(bowl, config))
    yield Proof("float32 and float64 go the same way", partial(by_type, config))


def slots(part: type[OptimizerPart], config: PartConfig) -> Figure:
    """Count the slots that are declared and not kept, or kept and not declared."""
    return count(set(part.slots) ^ _step(build_optimizer(config)).kept.keys())


def shapes(config: PartConfig) -> Figure:
    """Count what is not float64, of the entry's shape and finite."""
    found = _step(build_optimizer(config))
    values = [found.step, *found.kept.values()]
    return count(
        value.dtype != torch.float64 or value.shape != SHAPE or not bool(value.isfinite().all()) for value in values
    )


def same_step(config: PartConfig) -> Figure:
    """Count what differs between two steps from the same place, by two optimisers."""
    first, second = (_step(build_optimizer(config)) for _ in range(2))
    return material.changed({"step": first.step, **first.kept}, {"step": second.step, **second.kept})


def leaves_inputs(config: PartConfig) -> Figure:
    """Count the tensors that a step changes in place."""
    optimizer = build_optimizer(config)
    given = {"gradient": _drawn("gradient"), **_memory(optimizer)}
    before = material.copied(given)
    optimizer.direction(given["gradient"], {name: given[name] for name in optimizer.slots}, 1)
    return material.changed(before, given)


def counting(part: type[OptimizerPart], config: PartConfig) -> Figure:
    """Return how much a step depends on the number of updates: not at all unless it says so."""
    optimizer = build_optimizer(config)
    first, later = (_step(optimizer, updates).step for updates in (1, LATE))
    return Figure(float((first - later).abs().max()), 0.0, above=part.counts_updates)


def bowl(config: PartConfig) -> Figure:
    """Return what is left of Σ h x² after a few hundred updates."""
    outer, heights = Outer(optimizer=config, lr=RATE, clip_norm=None), _drawn("heights").abs() + 0.5
    phi: Tensors = {"x": _drawn("start")}
    before, state = _height(heights, phi), init_state(outer, phi)
    for version in range(UPDATES):
        phi, state = update(outer, version, phi, state, {"x": heights * phi["x"]})
    return Figure(_height(heights, phi) / before, LOWERED)


def by_type(config: PartConfig) -> Figure:
    """Return how far φ is in float32 from φ in float64 after a few updates by the same gradients."""
    outer, ends = Outer(optimizer=config, lr=RATE, clip_norm=None), []
    for dtype in (torch.float32, torch.float64):
        phi: Tensors = {"x": _drawn("start").to(dtype)}
        state = init_state(outer, phi)
        for version in range(FEW_UPDATES):
            phi, state = update(outer, version, phi, state, {"x": _drawn(f"gradient {version}")})
        ends.append(phi)
    return Figure(relative_error(*ends), BY_TYPE)


def _step(optimizer: Optimizer, updates: int = 2) -> Direction:
    return optimizer.direction(_drawn("gradient"), _memory(optimizer), updates)


def _memory(optimizer: Optimizer) -> Tensors:
    """Return what may have been kept: positive, as squares are."""
    return {slot: _drawn(f"slot {slot}").abs() for slot in optimizer.slots}


def _height(heights: Tensor, phi: Tensors) -> float:
    return float((heights * phi["x"].square()).sum())


def _drawn(name: str) -> Tensor:
    return torch.randn(SHAPE, generator=torch_generator(name), dtype=torch.float64)
