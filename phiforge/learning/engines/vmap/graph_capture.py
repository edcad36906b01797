"""Computations of a GPU that are captured once and then replayed without Python, by CUDA graphs.

An engine that maps over episodes launches a thousand small kernels a chunk, and Python takes several times as long to
launch them as the GPU to run them. What it computes is decided by shapes alone, so one graph serves every chunk of
the same shapes, with the same bits.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

log = logging.getLogger(__name__)

_MOST_GRAPHS = 4
"""Graphs of a process: each holds all the memory that it computes in. The one that was used longest ago goes."""

_graphs: OrderedDict[Hashable, "_Graph | None"] = OrderedDict()


def captured(key: Hashable, compute: Callable[..., Any], *inputs: Any) -> Any:
    """Return ``compute(*inputs)``, on a GPU by a graph; what cannot be captured is computed as usual.

    Args:
        key: names all that decides what is computed, beside the shapes and types of the inputs.
        compute: a pure function of tensors.
        inputs: nests of tensors, as is what is returned.
    """
    leaves: list[Tensor] = tree_leaves(inputs)
    if leaves[0].device.type != "cuda":
        return compute(*inputs)
    known = key, tuple((leaf.shape, leaf.dtype, leaf.device) for leaf in leaves)
    if known not in _graphs:
        while len(_graphs) >= _MOST_GRAPHS:
            _graphs.popitem(last=False)
        with torch.cuda.device(leaves[0].device):
            _graphs[known] = _made(lambda: _Graph(compute, inputs))
    _graphs.move_to_end(known)
    graph = _graphs[known]
    return graph.replay(leaves) if graph else compute(*inputs)


class _Graph:
    """A CUDA graph, with the memory that it reads and writes."""

    def __init__(self, compute: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
        """Compute once, as libraries prepare themselves when they are first used, and again while capturing."""
        own = tree_map_only(Tensor, torch.clone, inputs)
        self._inputs: list[Tensor] = tree_leaves(own)
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            compute(*own)
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        # Other threads may move what they have read to the GPU meanwhile.
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            self._outputs = compute(*own)

    def replay(self, inputs: list[Tensor]) -> Any:
        """Return copies of what is computed from other inputs: the next time writes to the same memory."""
        for own, given in zip(self._inputs, inputs, strict=True):
            own.copy_(given)
        self._graph.replay()
        return tree_map_only(Tensor, torch.clone, self._outputs)


def _made(make: Callable[[], _Graph]) -> _Graph | None:
    """Return a graph, or None if there can be none; where memory is short, the others give theirs back."""
    try:
        return make()
    except RuntimeError as error:
        if not (isinstance(error, torch.OutOfMemoryError) and _graphs):
            log.warning("cannot be captured, so that each chunk takes its launches: %s", str(error).splitlines()[0])
            return None
    _graphs.clear()
    return _made(make)
