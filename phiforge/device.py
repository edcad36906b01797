"""The device that a trainer or evaluator computes on."""

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
