"""The benchmarks of speed, one after the other, each in a process of its own: each writes its page; none stops another.

    python -m benchmarks [curves scale ...] [--folder docs/results]

Others run by themselves, as do these: see docs/results/README.md.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.page import say

NAMES = ("performance", "sampling", "pipeline", "scale", "curves", "recovery", "queue", "serving")
Command = Sequence[str | Path]


def main() -> int:
    """Run what was asked for, all if nothing was; return whether any failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all if none is named")
    parser.add_argument("--folder", type=Path, default=Path("docs/results"), help="where the pages go")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    failed = run_all({name: command_of(name, options.folder) for name in options.names or NAMES})
    say(f"failed: {', '.join(failed)}" if failed else "all done")
    return int(bool(failed))


def command_of(name: str, folder: Path) -> Command:
    """Return how a benchmark is run so that it writes its page into ``folder``."""
    return (sys.executable, "-m", f"benchmarks.{name}", "--output", folder / f"{name}.md")


def run_all(commands: Mapping[str, Command]) -> list[str]:
    """Run each command to its end, whatever became of those before; return the names of those that failed."""
    failed = []
    for name, command in commands.items():
        say(f"== {name}")
        start = time.monotonic()
        status = subprocess.run(command, check=False).returncode
        say(f"== {name}: {f'failed with {status}' if status else 'done'} after {time.monotonic() - start:.0f} s")
        if status:
            failed.append(name)
    return failed


if __name__ == "__main__":
    sys.exit(main())
