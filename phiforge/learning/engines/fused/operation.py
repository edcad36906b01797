"""What the differentiable operations of the fused engine share: memory as the loops take it, and where they end."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from phiforge.learning.engines.fused.compiled import Array


def applied(operation: type[Function], *arguments: Any) -> Any:
    """Return what an operation makes of its arguments."""
    return operation.apply(*arguments)  # type: ignore[no-untyped-call]


def refuse_third_derivative() -> None:
    """Raise NotImplementedError if the second derivative under way is to be differentiated again."""
    if torch.is_grad_enabled():
        raise NotImplementedError("the fused engine has no third derivative; use numerics.engine=torch")


def channels_last(x: Tensor) -> Tensor:
    """Return ``x`` [n, channels, height, width] in channels-last memory."""
    return x.contiguous(memory_format=torch.channels_last)


def empty_map(images: int, channels: int, height: int, width: int, dtype: torch.dtype) -> Tensor:
    """Return an uninitialised map [images, channels, height, width] in channels-last memory."""
    return torch.empty(images, height, width, channels, dtype=dtype).permute(0, 3, 1, 2)


def as_map(x: Tensor) -> Array:
    """Return the memory of a channels-last map as the loops take it: [n, height, width, channels]."""
    found: Array = x.detach().permute(0, 2, 3, 1).numpy()
    return found


def as_rows(x: Tensor, like: Tensor) -> Array:
    """Return values by channel, [channels] or [rows, channels], in the type of ``like``."""
    found: Array = x.detach().to(like.dtype).contiguous().numpy()
    return found
