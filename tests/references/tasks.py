"""What every reference takes: a task as plain tensors, and how losses over tasks become a gradient."""

from typing import NamedTuple

import torch


class PlainTask(NamedTuple):
    """A task, with the randomness that its loss may need; ``classes`` says which class of the split each label is."""

    support_x: torch.Tensor
    support_y: torch.Tensor
    query_x: torch.Tensor
    query_y: torch.Tensor
    classes: torch.Tensor
    noise: object = None


def leaves_of(phi):
    """Return a copy of φ to differentiate in: every entry but the averages of what was seen."""
    return {
        name: value.clone().requires_grad_(not name.startswith("statistics/")) for name, value in sorted(phi.items())
    }


def summed_gradient(loss, phi, tasks):
    """Return Σ over tasks of the loss, and of its gradient by name."""
    names = [name for name in sorted(phi) if not name.startswith("statistics/")]
    total, gradient = 0.0, {name: torch.zeros_like(phi[name]) for name in names}
    for task in tasks:
        leaves = leaves_of(phi)
        value = loss(leaves, task)
        slopes = torch.autograd.grad(value, [leaves[name] for name in names], allow_unused=True)
        for name, slope in zip(names, slopes, strict=True):
            if slope is not None:
                gradient[name] = gradient[name] + slope
        total += value.item()
    return total, gradient
