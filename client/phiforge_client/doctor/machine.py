"""What is found of the machine: Python, torch, processor, GPU, memory."""

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import requires, version
from pathlib import Path

from phiforge.base.settings import Settings
from phiforge_client.doctor.finding import Finding, failure, good, warning
from phiforge_client.embedded import cores

OLDEST_PYTHON = (3, 11)
_LEAST_BYTES = 2 * 2**30
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve")
"""Of a processor's abilities, those that decide which kernels torch takes, and how fast it is."""


def python() -> Iterator[Finding]:
    """Look at Python and at Phiforge itself."""
    found = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info[:2] < OLDEST_PYTHON:
        yield failure("Python", found, "install Python 3.11 or newer, and Phiforge into it")
    else:
        yield good("Python", found)
    yield good("Phiforge", version("phiforge"))


def torch() -> Iterator[Finding]:
    """Look at torch, which must be the one that Phiforge was tried with, and at its threads."""
    import torch as found

    wanted = next((each for each in requires("phiforge") or [] if each.startswith("torch==")), "torch")
    here = str(found.__version__)
    threads = f"{found.get_num_threads()} threads"
    if here.partition("+")[0] != wanted.partition("==")[2]:
        yield warning("torch", f"{here}, {threads}", f"pip install {wanted}: others may round otherwise")
    else:
        yield good("torch", f"{here}, {threads}; a trainer takes as many as numerics.threads says")


def processor(capability: str | None = None) -> Iterator[Finding]:
    """Look at the cores that this process may use, and at what they can."""
    import torch

    capability = capability or torch.backends.cpu.get_cpu_capability()
    name, flags = _cpuinfo()
    able = ", ".join(flag for flag in _FLAGS if flag in flags) or "none of those that are known"
    yield good("processor", f"{name}; instruction sets: {able}; torch uses {capability}")
    usable, quota = cores(), _quota()
    if quota is not None and quota < usable:
        yield warning(
            "cores", f"{usable}, but a quota of {quota:g}", "start fewer trainers: `phiforge up --trainers N`"
        )
    else:
        yield good("cores", f"{usable} of {os.cpu_count()} may be used")


def gpu(settings: Settings) -> Iterator[Finding]:
    """Look for the device that the settings name, and for GPUs that are left aside."""
    import torch

    there = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    named, wants = ", ".join(there) or "none", settings.device.startswith("cuda")
    if wants and not there:
        yield failure(
            "GPU", f"PHIFORGE_DEVICE is {settings.device}, but torch sees none", "see `nvidia-smi`, or unset it"
        )
    elif there and not wants:
        yield warning("GPU", f"{named}, not used", "PHIFORGE_DEVICE=cuda for a trainer uses it")
    else:
        yield good("GPU", named)


def memory() -> Iterator[Finding]:
    """Look at the memory that is free."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    available = _available() or free
    found = f"{available / 2**30:.1f} GiB available"
    if available < _LEAST_BYTES:
        yield warning("memory", found, "end what needs much, or start fewer trainers: `phiforge up --trainers 1`")
    else:
        yield good("memory", found)


def _cpuinfo() -> tuple[str, set[str]]:
    fields: dict[str, str] = {}
    try:
        for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines():
            name, _, value = line.partition(":")
            fields[name.strip().lower()] = value.strip()
    except OSError:
        pass
    flags = fields.get("flags") or fields.get("features") or ""
    return fields.get("model name") or platform.processor() or platform.machine(), set(flags.split())


def _quota() -> float | None:
    """Return how many cores a container's quota comes to; None if there is none."""
    try:
        allowed, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return None if allowed == "max" else int(allowed) / int(period)
    except (OSError, ValueError):
        return None


def _available() -> int:
    """Return the bytes that could be had, caches given back; 0 if nobody says."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return 0
