"""The inner loop: gradient descent on a support set, differentiable if asked."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from phiforge.tensors import Tensors

Loss = Callable[[Mapping[str, Tensor]], Tensor]


def gradient_steps(
    loss: Loss, start: Mapping[str, Tensor], inner_lr: float, steps: int, *, keep_graph: bool
) -> Tensors:
    """Return ``start`` after ``steps`` updates θ ← θ − inner_lr · ∇θ loss(θ) (Finn et al. 2017, equation 1).

    With ``keep_graph`` the result depends on ``start`` through every gradient (second order); without, the gradients
    are constants: the result is ``start`` plus a constant, so that its derivative is the first-order one.
    ``start`` must require gradients if ``keep_graph``.
    """
    parameters = dict(start)
    with torch.enable_grad():
        for _ in range(steps):
            parameters = _step(loss, parameters, inner_lr, keep_graph=keep_graph)
    return parameters


def _step(loss: Loss, parameters: Tensors, inner_lr: float, *, keep_graph: bool) -> Tensors:
    points = parameters if keep_graph else {name: value.detach().requires_grad_() for name, value in parameters.items()}
    gradients = torch.autograd.grad(loss(points), list(points.values()), create_graph=keep_graph)
    return {name: parameters[name] - inner_lr * gradient for name, gradient in zip(points, gradients, strict=True)}
