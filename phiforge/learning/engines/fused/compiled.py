"""How the loops of the fused engine are compiled, and what they have in common.

Maps are [n, height, width, channels], channels innermost. Each channel has its own accumulator, in float64, so loops
over channels vectorise without changing any order of summation: the same bits in every process. A product and a sum
may contract to one instruction; nothing else is relaxed.

``chosen`` [n, height // 2, width // 2, channels] says which of its four inputs (0 to 3, row by row) a pooled output
is, or ``OFF`` where ReLU lets nothing through. The first of equals wins, as in torch.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numpy.typing import NDArray

Array = NDArray[Any]
Loop = TypeVar("Loop", bound=Callable[..., None])
OFF = 4


def compiled(loop: Loop) -> Loop:
    """Return ``loop`` as numba compiles it at its first call; kept on disk for the next process, where there is one."""
    options: dict[str, Any] = {"nogil": True, "fastmath": {"contract"}, "error_model": "numpy"}
    try:
        return cast(Loop, numba.njit(cache=True, **options)(loop))
    except RuntimeError:  # no folder to keep it in
        return cast(Loop, numba.njit(**options)(loop))


__all__ = ["OFF", "Array", "compiled"]
