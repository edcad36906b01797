"""Architectures that are drawn: of each edge one operation, with the probabilities softmax(α) of its logits.

Edges are drawn each for itself. A search by drawing (Williams 1992) needs the gradient of the log probability of what
was drawn, and with an entropy bonus that of the entropy. Both are short, so they are written out.
"""

from collections.abc import Mapping

import torch
from torch import Generator, Tensor

from phiforge.learning.networks.bases.relaxed import Choices, is_architecture
from phiforge.learning.tensors import Tensors


def logits_of(phi: Mapping[str, Tensor]) -> Tensors:
    """Return the logits α [edges, operations] in φ, by name."""
    return {name: value.detach() for name, value in phi.items() if is_architecture(name)}


def alike(logits: Mapping[str, Tensor]) -> Tensors:
    """Return logits by which every operation is as likely as any other: the policy of random search."""
    return {name: torch.zeros_like(value) for name, value in logits.items()}


def drawn(logits: Mapping[str, Tensor], generator: Generator) -> Choices:
    """Return an operation of each edge, by its place [edges], drawn on the CPU by softmax(α) of ``logits``.

    Example::

        choices = drawn(logits_of(phi), torch_generator("draw", 0))
        loss = learner.query_outcome({**phi, **certain(logits_of(phi), choices)}, episode, mode, generator).loss
    """
    return {name: _drawn(value, generator) for name, value in sorted(logits.items())}


def score(logits: Mapping[str, Tensor], choices: Choices) -> Tensors:
    """Return ∂ log p(choices)/∂α: 1 for what was drawn, less the probabilities."""
    return {name: _one_hot(choices[name], value) - value.softmax(dim=-1) for name, value in logits.items()}


def entropy_slope(logits: Mapping[str, Tensor]) -> Tensors:
    """Return ∂H/∂α of the entropy H of all edges together: −p (log p + H of its edge)."""
    return {name: _entropy_slope(value.log_softmax(dim=-1)) for name, value in logits.items()}


def _drawn(logits: Tensor, generator: Generator) -> Tensor:
    chances = logits.detach().cpu().double().softmax(dim=-1)
    return torch.multinomial(chances, 1, generator=generator)[:, 0].to(logits.device)


def _one_hot(places: Tensor, like: Tensor) -> Tensor:
    return torch.zeros_like(like).scatter(-1, places[:, None], 1.0)


def _entropy_slope(logs: Tensor) -> Tensor:
    entropy = -(logs.exp() * logs).sum(dim=-1, keepdim=True)
    return -logs.exp() * (logs + entropy)
