"""What a process computes on: its device, what that lacks, how many threads, and that it repeats itself."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from phiforge.engine import lacks
from phiforge.errors import RunError, SettingsError
from phiforge.spec.task import Numerics

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


def check_device(name: str) -> None:
    """Raise SettingsError, saying what there is, unless tensors can be made on the device ``name``."""
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError, ValueError) as error:  # torch asserts that it was built for a device
        devices = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
        reason = str(error).splitlines()[0]
        raise SettingsError(
            [f"PHIFORGE_DEVICE: {name!r} cannot be used here ({reason}); allowed on this machine: {', '.join(devices)}"]
        ) from error


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread: for small tensors, whose threads would mostly wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def require(numerics: Numerics, device: str) -> None:
    """Raise RunError if this process cannot compute on ``device`` as a run asks."""
    engine = numerics.settled_engine
    if reason := lacks(engine, device):
        raise RunError(f"this worker lacks engine '{engine}': {reason}; submit again with numerics.engine=torch")
    if numerics.bfloat16 and device.startswith("cuda") and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise RunError(f"this worker lacks bfloat16 on {device!r}; submit again with numerics.dtype=float32")


def repeat_exactly() -> None:
    """Let this process compute the same bits again each time, for good; on a CPU as on a GPU."""
    # Read when a process first multiplies matrices on a GPU; another size of workspace may give other bits.
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    torch.use_deterministic_algorithms(True)
    for place, name, value in _FLAGS:
        setattr(place, name, value)


@contextmanager
def repeating_exactly() -> Iterator[None]:
    """Do the same for a while, and leave torch as it was."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    before = [getattr(place, name) for place, name, _ in _FLAGS]
    repeat_exactly()
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic)
        for (place, name, _), value in zip(_FLAGS, before, strict=True):
            setattr(place, name, value)
