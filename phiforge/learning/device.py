"""What a process computes on: its device, what that lacks for a run, and how many threads of it."""

import torch

from phiforge.base.errors import RunError, SettingsError
from phiforge.learning.engines import lacks
from phiforge.spec.task import Numerics


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


def require(numerics: Numerics, device: str) -> None:
    """Raise RunError if this process cannot compute on ``device`` as a run asks."""
    engine = numerics.settled_engine
    if reason := lacks(engine, device):
        raise RunError(f"this worker lacks engine '{engine}': {reason}; submit again with numerics.engine=torch")
    if numerics.bfloat16 and device.startswith("cuda") and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise RunError(f"this worker lacks bfloat16 on {device!r}; submit again with numerics.dtype=float32")
