"""What a process computes on: its device, and how many threads of it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from phiforge.errors import SettingsError


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
