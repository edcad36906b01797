"""What torch must be told for a process to compute the same bits again each time, on a CPU as on a GPU."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_FLAGS = (
    # float32 is float32: by default convolutions on a GPU round their inputs to ten bits.
    (torch.backends.cudnn, "allow_tf32", False),
    (torch.backends.cuda.matmul, "allow_tf32", False),
    (torch.backends.cuda.matmul, "allow_bf16_reduced_precision_reduction", False),
    # Which of several algorithms is fastest differs from one process to the next, and so would the last bits.
    (torch.backends.cudnn, "benchmark", False),
    # Filling costs time, and nothing reads memory that it has not written.
    (torch.utils.deterministic, "fill_uninitialized_memory", False),
)


def repeat_exactly() -> None:
    """Let this process, and autograd in this thread, compute the same bits again each time, for good."""
    # Read when a process first multiplies matrices on a GPU; another size of workspace may give other bits.
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    # Not use_deterministic_algorithms, which imports all of torch's compiler, for more than a second, to tell it too.
    torch.set_deterministic_debug_mode("error")
    # Autograd sums in the order of the nodes' numbers, which each thread counts for itself. It takes the gradients of a
    # GPU in a thread of its own, so that nodes made there, for second derivatives, come elsewhere in a new process.
    torch.autograd.set_multithreading_enabled(False)
    for place, name, value in _FLAGS:
        setattr(place, name, value)


@contextmanager
def repeating_exactly() -> Iterator[None]:
    """Do the same for a while, and leave torch as it was."""
    deterministic = torch.get_deterministic_debug_mode()
    before = [getattr(place, name) for place, name, _ in _FLAGS]
    try:
        with torch.autograd.set_multithreading_enabled(False):
            repeat_exactly()
            yield
    finally:
        torch.set_deterministic_debug_mode(deterministic)
        for (place, name, _), value in zip(_FLAGS, before, strict=True):
            setattr(place, name, value)


@contextmanager
def as_a_trainer(threads: int | None = None) -> Iterator[None]:
    """Compute as a trainer does, in so many threads if that is said, and leave torch as it was."""
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads or before)
        with repeating_exactly():
            yield
    finally:
        torch.set_num_threads(before)
