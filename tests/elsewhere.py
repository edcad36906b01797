"""A device that is none: tensors of this process that behave as if they were on a GPU, where there is no GPU."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

DEVICE = "cuda:0"
"""What it is called, so that code which asks for a GPU by name asks for it."""


class Far(torch.Tensor):
    """A tensor that stands for one on the device."""


class Elsewhere(TorchFunctionMode):
    """While it is entered, what is moved to or made on ``DEVICE`` is there, and may not be mixed with what is not.

    As on a GPU, scalars of the processor may be mixed in, and its indices may choose from what is there.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Compute here what would be computed there; raises AssertionError where a GPU would raise."""
        kwargs = kwargs or {}
        if func is torch.device:
            return func(*args, **kwargs)
        if func == torch.Tensor.device.__get__:
            return torch.device(DEVICE if isinstance(args[0], Far) else "cpu")
        given = list(_tensors((args, kwargs)))
        far = any(isinstance(each, Far) for each in given)
        if func is torch.Tensor.to:
            far = _is_moved(args[0], (*args[1:], *kwargs.values()))
        elif func is torch.Tensor.cpu:
            far = False
        else:
            near = [each for each in given if not isinstance(each, Far) and torch.Tensor.dim(each)]
            asked = kwargs.get("device")
            assert not (far and near) or func is torch.Tensor.__getitem__, f"{func} mixes devices"
            far = far or (asked is not None and _is_device(asked))
        with torch._C.DisableTorchFunctionSubclass():
            found = func(*tree_map(_here, args), **tree_map(_here, kwargs))
            return tree_map(_there if far else _plain, found)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(tuple(value.values()))
    elif isinstance(value, Iterable) and not isinstance(value, str):
        for each in value:
            yield from _tensors(each)


def _is_device(value: Any) -> bool:
    return isinstance(value, str | torch.device) and str(value) == DEVICE


def _is_moved(tensor: Tensor, to: tuple[Any, ...]) -> bool:
    """Say whether ``tensor`` is on the device after it was moved ``to`` a device, a tensor's place, or a type."""
    if any(isinstance(each, Far) or _is_device(each) for each in to):
        return True
    left = any(isinstance(each, Tensor | str | torch.device) for each in to)
    return isinstance(tensor, Far) and not left


def _here(value: Any) -> Any:
    return torch.device("cpu") if _is_device(value) else value


def _there(value: Any) -> Any:
    return value.as_subclass(Far) if isinstance(value, Tensor) and not isinstance(value, Far) else value


def _plain(value: Any) -> Any:
    return value.as_subclass(torch.Tensor) if isinstance(value, Far) else value
