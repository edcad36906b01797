"""What computes networks: part of a run's spec, since engines differ in the last bits of what they compute.

``torch`` is plain torch, on any device. ``fused`` computes a block of Conv-4 in one or two passes over memory, with
derivatives worked out by hand and loops compiled by numba: the same mathematics in about half the time, on a CPU.
``vmap`` computes several episodes at once by torch's function transforms: few large operations, captured on a GPU.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from phiforge.spec.task import Engine


def lacks(engine: Engine, device: str) -> str | None:
    """Return why a process that computes on ``device`` cannot use ``engine``, or None if it can."""
    if engine == "fused" and not device.startswith("cpu"):
        return f"it computes on a CPU, not on {device!r}"
    if engine == "fused" and find_spec("numba") is None:
        return "it needs numba, which is not installed"
    return None


def transforms(engine: Engine) -> bool:
    """Say whether an engine computes by torch's function transforms, which autograd's own calls cannot be part of."""
    return engine == "vmap"


def fused_block() -> Callable[..., Any]:
    """Return the block of the fused engine; numba, slow to import, is imported here alone."""
    from phiforge.learning.engines.fused.conv_block import conv_block

    return conv_block
