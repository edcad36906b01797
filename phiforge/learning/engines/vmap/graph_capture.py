"""Computations of a GPU that are recorded once and then repeated without Python, by CUDA graphs.

An engine that maps over episodes launches a thousand small kernels a chunk, and Python takes several times as long to
launch them as the GPU to run them. What it computes is decided by shapes alone, so a recording serves every chunk of
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

_KEPT = 4
"""Recordings of a process: each holds all the memory that it computes in. The one that was used longest ago goes."""

_recordings: OrderedDict[Hashable, "_Recording | None"] = OrderedDict()


def recorded(key: Hashable, compute: Callable[..., Any], *inputs: Any) -> Any:
    """Return ``compute(*inputs)``, on a GPU by a recording; inputs and what is returned are nests of tensors.

    ``key`` names all that decides what is computed, beside the shapes and types of the inputs. What cannot be recorded
    is computed as usual.
    """
    leaves: list[Tensor] = tree_leaves(inputs)
    if leaves[0].device.type != "cuda":
        return compute(*inputs)
    known = key, tuple((leaf.shape, leaf.dtype, leaf.device) for leaf in leaves)
    if known not in _recordings:
        while len(_recordings) >= _KEPT:
            _recordings.popitem(last=False)
        with torch.cuda.device(leaves[0].device):
            _recordings[known] = _made(lambda: _Recording(compute, inputs))
    _recordings.move_to_end(known)
    recording = _recordings[known]
    return recording.repeat(leaves) if recording else compute(*inputs)


class _Recording:
    """A CUDA graph, with the memory that it reads and writes."""

    def __init__(self, compute: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
        """Compute once, as libraries prepare themselves when they are first used, and again while recording."""
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

    def repeat(self, inputs: list[Tensor]) -> Any:
        """Return copies of what is computed from other inputs: the next time writes to the same memory."""
        for own, given in zip(self._inputs, inputs, strict=True):
            own.copy_(given)
        self._graph.replay()
        return tree_map_only(Tensor, torch.clone, self._outputs)


def _made(make: Callable[[], _Recording]) -> _Recording | None:
    """Return a recording, or None if there can be none; where memory is short, the others give theirs back."""
    try:
        return make()
    except RuntimeError as error:
        if not (isinstance(error, torch.OutOfMemoryError) and _recordings):
            log.warning("cannot be recorded, so that each chunk takes its launches: %s", str(error).splitlines()[0])
            return None
    _recordings.clear()
    return _made(make)
