"""What the pages of all benchmarks have in common: how they are asked for, what they say of the machine, tables."""

import argparse
import os
import platform
import statistics
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

NOT_QUIET = "The machine is shared: times of the processor (CPU) are steadier than those of the clock."
PACKAGES = ("torch", "numba", "phiforge")


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with ``--output``, which describes itself by a module's docstring."""
    found = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--output", type=Path, default=None, help="a file to write the page to")
    return found


def publish(lines: Iterable[str], output: Path | None) -> None:
    """Print a page and, if asked for, write it."""
    text = "\n".join(lines).rstrip("\n") + "\n"
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text)
    Console().print(text, highlight=False, markup=False, soft_wrap=True)


def machine() -> str:
    """Return what was measured on, and how much else it had to do."""
    load = f"load average {os.getloadavg()[0]:.1f} at the end"
    return f"Machine: {processor()}, {os.cpu_count()} processors, {platform.system()}, {load}"


def versions(packages: Sequence[str] = PACKAGES) -> str:
    """Return the versions of packages and of Python."""
    found = {name: version(name) for name in packages} | {"python": platform.python_version()}
    return ", ".join(f"{name} {value}" for name, value in found.items())


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a table, line by line; raises ValueError for a row that is not as wide as its head."""
    yield _line(columns)
    yield "|" + "---|" * len(columns)
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"a row of {len(row)} cells under {len(columns)} columns: {row}")
        yield _line(row)


def spread(values: Sequence[float], unit: str = "", form: str = ".3g") -> str:
    """Return the median, the lowest and the highest."""
    middle, low, high = (f"{value:{form}}" for value in (statistics.median(values), min(values), max(values)))
    return f"{middle}{unit} ({low} to {high})"


def processor() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def say(what: str) -> None:
    """Tell on stderr what is under way."""
    print(what, file=sys.stderr, flush=True)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
