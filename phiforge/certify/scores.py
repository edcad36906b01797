"""What every score promises: one finite number a task, and the better one for what is right."""

from collections.abc import Iterator
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from phiforge.certify import material
from phiforge.certify.proof import Figure, Proof, count
from phiforge.learning.generators import torch_generator
from phiforge.learning.scores import Score, build_score
from phiforge.registry.abilities import ScorePart

QUERIES, WAYS, SURE = 20, 4, 20.0
LABELS, VALUES, RETURNS = "labels", "values", "returns"


def proofs(part: type[ScorePart]) -> Iterator[Proof]:
    """Yield the proofs of a score with its defaults, on the targets that it is for."""
    for kind in _kinds(part):
        yield Proof(f"is a finite scalar of {kind}", partial(scalar, part, kind))
        yield Proof(f"is the same again of {kind}", partial(same, part, kind))
        yield Proof(f"leaves outputs and {kind} as they were", partial(leaves_inputs, part, kind))
        yield Proof(f"is better of right outputs than of random ones, of {kind}", partial(better, part, kind))


def scalar(part: type[ScorePart], kind: str) -> Figure:
    """Count what is wrong with the score of random outputs."""
    found = _score(part).of(_random(kind), _targets(kind))
    return count([found.shape != (), found.numel() == 1 and not bool(found.isfinite())])


def same(part: type[ScorePart], kind: str) -> Figure:
    """Count whether it differs when it is asked twice."""
    first, second = (_score(part).of(_random(kind), _targets(kind)) for _ in range(2))
    return count([not torch.equal(first, second)])


def leaves_inputs(part: type[ScorePart], kind: str) -> Figure:
    """Count the tensors that it changes in place."""
    given = {"outputs": _random(kind), "targets": _targets(kind)}
    before = material.copied(given)
    _score(part).of(given["outputs"], given["targets"])
    return material.changed(before, given)


def better(part: type[ScorePart], kind: str) -> Figure:
    """Return by how much right outputs are better than random ones."""
    right, random = (_score(part).of(each, _targets(kind)).item() for each in (_right(kind), _random(kind)))
    return Figure((right - random) * (1 if part.higher_is_better else -1), 0.0, above=True)


def _kinds(part: type[ScorePart]) -> tuple[str, ...]:
    if part.reinforcement:
        return (RETURNS,)
    return {True: (VALUES,), False: (LABELS,), None: (LABELS, VALUES)}[part.regression]


def _score(part: type[ScorePart]) -> Score:
    return build_score(part.Config(name=part.name))


def _targets(kind: str) -> Tensor:
    values = torch.randn(QUERIES, 1, generator=torch_generator("targets"))
    if kind == RETURNS:
        return values.new_zeros(QUERIES)
    return values if kind == VALUES else torch.arange(WAYS).repeat(QUERIES // WAYS)


def _right(kind: str) -> Tensor:
    if kind == RETURNS:
        return _random(kind) + 1
    return _targets(kind) if kind == VALUES else SURE * F.one_hot(_targets(kind), WAYS).float()


def _random(kind: str) -> Tensor:
    if kind == RETURNS:
        return torch.randn(QUERIES, generator=torch_generator("random"))
    return torch.randn(QUERIES, 1 if kind == VALUES else WAYS, generator=torch_generator("random"))
