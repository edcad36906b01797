"""How long a person waits for a command, and which commands load torch.

    python -m benchmarks.commands CHECKOUT OUT.json

Against a running stack that has nothing to do, in a store with a few complete runs, each command is run several times,
as a process of its own, and once before that to fill the caches of the disk. For ``submit`` two times are taken: until
it says that the run is queued, and until it is over; the next one waits until that run is complete. Only the command
line of the checkout and the files of its store are used, so that it works with any version of the code.
"""

import argparse
import json
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.checkout import Checkout, CommandError, add_options, checkout_of, set_options

RUNS, TIMES = 6, 5
SPEC = "sinusoid-maml"
SHORT = (
    "outer.versions=5",
    "outer.meta_batch=8",
    "outer.job_size=4",
    "checkpoint.every=5",
    "evaluation.every=5",
    "evaluation.validation_tasks=4",
    "evaluation.test_tasks=4",
    "evaluation.chunk_size=2",
)
SAID = "queued"
_TORCH = re.compile(r"^import time:\s+\d+ \|\s+(\d+) \|\s+torch$", re.MULTILINE)
"""A line of ``python -X importtime``: microseconds of the module by itself, and with all that it imports."""


class Timed(NamedTuple):
    """Seconds of one command, each time; and of the import of torch, None if it was not imported."""

    seconds: list[float]
    torch_seconds: float | None

    def to_json(self) -> dict[str, object]:
        """Return JSON values, with median and maximum."""
        return {
            "median": round(median(self.seconds), 3),
            "max": round(max(self.seconds), 3),
            "seconds": [round(each, 3) for each in self.seconds],
            "imports_torch": self.torch_seconds is not None,
            "torch_import_seconds": self.torch_seconds,
        }


def call(checkout: Checkout, arguments: Sequence[str], said: str = "", *, profile: bool = False) -> tuple[float, ...]:
    """Run a command; return its seconds and, with ``said``, first those until it printed that; or torch's import.

    Raises CommandError if it fails. With ``profile`` it returns the seconds that importing torch took, if it did.
    """
    command = checkout.argv(*arguments)
    if profile:
        command[1:1] = ["-X", "importtime"]
    began, seen = time.perf_counter(), None
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command,
            cwd=checkout.root,
            env=checkout.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            if said and seen is None and said in line:
                seen = time.perf_counter() - began
        code = process.wait()
        over = time.perf_counter() - began
        errors.seek(0)
        text = errors.read()
    if code or (said and seen is None):
        raise CommandError(f"{' '.join(arguments)}: exit code {code}: {text[-1000:]}")
    if profile:
        return tuple(int(found) / 1e6 for found in _TORCH.findall(text)[:1])
    return (over,) if seen is None else (seen, over)


def submitted(checkout: Checkout, arguments: Sequence[str], *, profile: bool = False) -> tuple[float, ...]:
    """Time a command that submits a run, and wait until that is over."""
    before = checkout.submitted()
    times = call(checkout, arguments, SAID, profile=profile)
    settle(checkout, checkout.submitted() - before)
    return times


def settle(checkout: Checkout, runs: set[str]) -> None:
    """Wait until runs are over and their episodes are deleted: then the fleet has nothing to do."""
    deadline = time.monotonic() + 120.0
    while not all(checkout.ending(run) for run in runs) or any((checkout.store / "ended").glob("*")):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still going on: {', '.join(runs)}")
        time.sleep(0.1)


def measure(checkout: Checkout, times: int) -> dict[str, Timed]:
    """Return the times of every command, by its name."""
    spec = str(checkout.root / "specs" / f"{SPEC}.yaml")
    runs = {checkout.submit(Path(spec), SHORT) for _ in range(RUNS)}
    settle(checkout, runs)
    run = min(runs)
    found: dict[str, Timed] = {}
    for name, arguments in {
        "--help": ["--help"],
        "runs": ["runs"],
        "show RUN": ["show", run],
        "watch RUN": ["watch", run],
    }.items():
        torch = call(checkout, arguments, profile=True)
        found[name] = Timed([call(checkout, arguments)[0] for _ in range(times)], torch[0] if torch else None)
    submit = ["submit", spec, *set_options(SHORT)]
    torch = submitted(checkout, submit, profile=True)
    pairs = [submitted(checkout, submit) for _ in range(times)]
    for name, seconds in zip(
        (f"submit, until '{SAID}'", "submit, until it is over"), zip(*pairs, strict=True), strict=True
    ):
        found[name] = Timed(list(seconds), torch[0] if torch else None)
    return found


def table(found: dict[str, Timed]) -> str:
    """Return the times as a table in Markdown."""
    rows = [
        f"| {name} | {median(timed.seconds):.2f} s | {max(timed.seconds):.2f} s | "
        f"{'no' if timed.torch_seconds is None else f'yes, {timed.torch_seconds:.2f} s'} |"
        for name, timed in found.items()
    ]
    return "\n".join(["| command | median | longest | imports torch |", "|---|---|---|---|", *rows])


def main() -> int:
    """Measure, as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="a checkout with its environment in .venv")
    parser.add_argument("output", type=Path, help="where times are written, as JSON")
    parser.add_argument("--times", type=int, default=TIMES, help="runs of each command; default: %(default)s")
    add_options(parser)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="times-commands-") as home:
        checkout = checkout_of(arguments, Path(home))
        with checkout.fleet(trainers=1):
            found = measure(checkout, arguments.times)
    result = {name: timed.to_json() for name, timed in found.items()}
    arguments.output.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(table(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
