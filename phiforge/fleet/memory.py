"""Keep freed memory in the process: training asks for the same buffers again at every step."""

import ctypes
import sys

_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
_NEVER = 2**31 - 1
_LARGEST_MMAP_THRESHOLD = 2**30


def keep_freed_memory() -> None:
    """Stop glibc from handing freed buffers back to the kernel, which would fault every page in again.

    Numbers do not change; a second-order step takes about a tenth less time (``benchmarks/memory.py``). Without glibc
    nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        mallopt(_TRIM_THRESHOLD, _NEVER)
