"""A policy of augmentation in φ: of each operation a probability and a strength, drawn so that both have gradients.

After DADA (Li et al. 2020, "DADA: Differentiable Automatic Data Augmentation") and Faster AutoAugment (Hataya et al.
2020). With p and s of an operation in φ as logits, for each copy of an image

    amount = gate · σ(s) · largest · u,    gate = σ((p + ln v / (1 − v)) / τ),    u ~ U(−1, 1),  v ~ U(0, 1):

the gate is a Bernoulli variable of probability σ(p), relaxed at the temperature τ (the Gumbel-softmax of two classes).
There a sub-policy is drawn of pairs of operations, and mixes images; here every operation is drawn by itself, and a
gate between 0 and 1 does less of the operation instead of mixing its result with the image.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Generator, Tensor

from phiforge.learning.learners.bases.augmentation.operations import LARGEST, augmented
from phiforge.learning.tensors import Tensors

POLICY = "augmentation"
PROBABILITY, STRENGTH = f"{POLICY}/probability", f"{POLICY}/strength"
_LEAST = 1e-6
"""How near to 0 or 1 a drawn v comes, so that its logit is finite."""


def fresh_policy(operations: Sequence[str], probability: float, strength: float) -> Tensors:
    """Return a policy that does all ``operations`` alike, as entries of φ: two logits [operations]."""
    alike = torch.ones(len(operations))
    return {PROBABILITY: (probability * alike).logit(), STRENGTH: (strength * alike).logit()}


def applied(
    phi: Mapping[str, Tensor], operations: Sequence[str], images: Tensor, temperature: float, generator: Generator
) -> Tensor:
    """Return ``images`` [n, channels, height, width] as the policy in φ changes them, by draws of ``generator``.

    Args:
        phi: the policy's entries, beside others.
        operations: their names, in the order of the entries' places.
        images: what is changed, each by draws of its own.
        temperature: τ of the gates.
        generator: all randomness, drawn on the CPU.
    """
    chances, directions = torch.rand(2, len(images), len(operations), generator=generator).to(images)
    gates = ((phi[PROBABILITY] + chances.clamp(_LEAST, 1 - _LEAST).logit()) / temperature).sigmoid()
    largest = images.new_tensor([LARGEST[name] for name in operations])
    amounts = gates * phi[STRENGTH].sigmoid() * largest * (2 * directions - 1)
    return augmented(images, dict(zip(operations, amounts.unbind(dim=1), strict=True)))


def in_words(phi: Mapping[str, Tensor], operations: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return of each operation its probability and its largest amount, as a policy in φ has them.

    Example::

        in_words(phi, learner.config.operations)["rotate"]   # {"probability": 0.5, "largest": 0.157}
    """
    chances, shares = phi[PROBABILITY].sigmoid().tolist(), phi[STRENGTH].sigmoid().tolist()
    return {
        name: {"probability": chance, "largest": share * LARGEST[name]}
        for name, chance, share in zip(operations, chances, shares, strict=True)
    }
