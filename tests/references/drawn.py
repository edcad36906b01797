"""Searches by drawing: what is drawn, its probability, and what a policy's entropy is, edge by edge."""

import torch

from tests.references.architecture import OPERATIONS


def drawn_operations(phi, generator):
    """Return, by name of the logits, the operation of each edge, drawn by softmax(α) in order of name."""
    found = {}
    for name in sorted(name for name in phi if name.startswith("architecture.")):
        shares = torch.exp(phi[name].double())
        places = torch.multinomial(shares / shares.sum(dim=1, keepdim=True), 1, generator=generator)
        found[name] = [OPERATIONS[int(place)] for place in places]
    return found


def log_probability(logits, operations):
    """Return Σ log softmax(α) of the operations, one an edge."""
    total = 0.0
    for row, operation in zip(logits, operations, strict=True):
        total = total + row[OPERATIONS.index(operation)] - torch.log(torch.exp(row).sum())
    return total


def entropy(logits):
    """Return Σ −p log p over edges and operations."""
    shares = torch.exp(logits) / torch.exp(logits).sum(dim=1, keepdim=True)
    return -(shares * torch.log(shares)).sum()


def one_operation(phi, operations):
    """Return φ whose logits leave one operation of each edge."""
    found = dict(phi)
    for name, chosen in operations.items():
        rows = [[0.0 if each == operation else -torch.inf for each in OPERATIONS] for operation in chosen]
        found[name] = torch.tensor(rows, dtype=phi[name].dtype)
    return found
