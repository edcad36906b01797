"""What a process computes on: its device, what that lacks for a run, and which of its errors pass."""

from typing import get_args

import torch

from phiforge.base.errors import IncapableWorkerError, SettingsError
from phiforge.learning.engines import lacks
from phiforge.spec.task import Engine, Numerics

_MEMORY = ("can't allocate memory", "out of memory", "not enough memory")


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
    """Raise IncapableWorkerError if this process cannot compute on ``device`` as a run asks: another may."""
    engine = numerics.settled_engine
    if reason := lacks(engine, device):
        raise _lacking(f"engine '{engine}': {reason}", "engine=torch")
    if numerics.bfloat16 and not _multiplies_bfloat16(device):
        raise _lacking(f"bfloat16 on {device!r}", "dtype=float32")


def _lacking(what: str, way_out: str) -> IncapableWorkerError:
    return IncapableWorkerError(f"this worker lacks {what}; submit again with numerics.{way_out}")


def description(device: str) -> str:
    """Return a few words about what a process computes on, for whoever reads why no worker could do something."""
    engines = [engine for engine in get_args(Engine) if not lacks(engine, device)]
    return f"{device} with engines {', '.join(engines)}"


def may_pass(error: Exception) -> bool:
    """Say whether an error is of the moment: memory that others took, a device or a disk that failed."""
    if isinstance(error, MemoryError | OSError | torch.OutOfMemoryError | torch.AcceleratorError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _MEMORY)


def is_lost(error: Exception) -> bool:
    """Say whether an error means that this process cannot use its device any more."""
    return isinstance(error, torch.AcceleratorError)


def _multiplies_bfloat16(device: str) -> bool:
    return not device.startswith("cuda") or torch.cuda.is_bf16_supported(including_emulation=False)
