"""The compute engine beside its public peers: the same tasks from the same φ on one thread, interleaved in one run.

One process a peer; only one works at a time, and they take turns of about a second. Peers are installed into
environments of their own on first use; one that will not install or run is reported.

    python -m benchmarks.performance [--rounds 9] [--workloads maml prototypical] [--output docs/results/performance.md]
    python -m benchmarks.performance --device cuda --output docs/results/performance-gpu.md
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks.operations import Shape, operations
from benchmarks.page import NOT_QUIET, machine, parser, publish, say, spread, table, versions
from benchmarks.peers.install import RECIPES, NotInstalledError, python_of
from benchmarks.peers.work import CHANNELS, SIDE, WORKLOADS, Workload
from phiforge.base.errors import SettingsError
from phiforge.learning.device import check_device

FOLDER = Path(__file__).parent / "peers"
CACHE = Path(".phiforge") / "peers"
TURN_SECONDS = 1.0
COLUMNS = ("", "tasks/s by the clock", "CPU ms a task", "of the roof", "memory", "{} is faster by (CPU)", "by (clock)")
ROOF = "roof"
ADAPTING, COMPARING = ("learn2learn", "higher", "torchopt"), ("easyfsl",)
FIRST_ORDER = ("learn2learn",)
"""Who has first-order MAML: TorchOpt's MetaSGD is always second order, higher leaves its start without a gradient."""
TITLES = {"learn2learn": "learn2learn", "higher": "higher", "torchopt": "TorchOpt", "easyfsl": "EasyFSL"}
AGREEMENT = 1e-8
"""How far the size of a gradient in float64 may be from ours; in float32 a ReLU that rounding switches changes more."""


class Turn(NamedTuple):
    """Milliseconds a task, by the clock and of the processor."""

    wall: float
    cpu: float


class Contender:
    """A peer's process, which waits for its turns."""

    def __init__(
        self, name: str, python: Path, module: str, workload: Workload, variant: str = "", device: str = "cpu"
    ) -> None:
        """Start the process and let it do a task; raises RuntimeError if it cannot."""
        self.name, self.turns, self.peak = name, list[Turn](), 0
        command = [str(python), str(FOLDER / "run.py"), module, "--workload", workload.name, "--variant", variant]
        command += ["--device", device]
        checking, self.process = started([*command, "--check"]), started(command)
        try:
            self.gradient = answer(checking)["gradient"]
            self._ask(1)
            first = self._ask(2)
        except RuntimeError:
            self.close()
            raise
        finally:
            checking.communicate()
        self.tasks = max(1, round(TURN_SECONDS / first["wall"] * first["tasks"]))

    def turn(self) -> None:
        """Let it work for about a second."""
        found = self._ask(self.tasks)
        self.turns.append(Turn(*(1000 * found[clock] / found["tasks"] for clock in ("wall", "cpu"))))
        self.peak = int(found["peak"])

    def close(self) -> None:
        """End the process."""
        self.process.communicate()

    def _ask(self, tasks: int) -> dict[str, float]:
        assert self.process.stdin
        self.process.stdin.write(f"{tasks}\n")
        self.process.stdin.flush()
        return answer(self.process)


def answer(process: "subprocess.Popen[str]") -> dict[str, float]:
    """Return what a process says next; raises RuntimeError, with its last words, if it has ended."""
    assert process.stdout
    assert process.stderr
    line = process.stdout.readline()
    if not line:
        said = process.stderr.read().strip().splitlines()
        raise RuntimeError(said[-1] if said else "it ended without a word")
    found: dict[str, float] = json.loads(line)
    return found


def started(command: Sequence[str]) -> "subprocess.Popen[str]":
    """Return a process of one thread that is spoken to in lines."""
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
    )


class Result(NamedTuple):
    """What one workload measured on a device; ``absent`` says why a peer has no turns."""

    workload: Workload
    contenders: list[Contender]
    absent: Mapping[str, str]
    device: str = "cpu"

    @property
    def ours(self) -> Contender:
        """Return the contender that the others are compared to."""
        return self.of(title_of(engine_of(self.device)))

    def rate(self, contender: Contender, count: float) -> float:
        """Return operations a millisecond, by the clock on a GPU, else of processor time."""
        clock = 0 if self.device != "cpu" else 1
        return count / statistics.median(turn[clock] for turn in contender.turns)

    def of(self, name: str) -> Contender:
        """Return the contender of a name."""
        return next(each for each in self.contenders if each.name == name)


def engine_of(device: str) -> str:
    """Return the engine that is the fastest on a device."""
    return "fused" if device == "cpu" else "vmap"


def title_of(engine: str) -> str:
    """Return what Phiforge's own process is called."""
    return f"Phiforge, {engine}"


def main() -> int:
    """Measure, print and write the page; return whether a gradient was not the others'."""
    arguments = parser(__doc__)
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    arguments.add_argument("--cache", type=Path, default=CACHE, help="where the peers' environments are kept")
    arguments.add_argument("--device", default="cpu", help="cpu or cuda")
    options = arguments.parse_args()
    try:
        check_device(options.device)
    except SettingsError as error:
        arguments.error(str(error))
    pythons, absent = installed(options.cache.resolve())
    wanted = [WORKLOADS[name] for name in options.workloads]
    results = [measured(each, pythons, absent, options.rounds, options.device) for each in wanted]
    publish(written(results, options.rounds, options.device), options.output)
    return int(any(not agrees(each, result) for result in results for each in result.contenders))


def installed(cache: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Return the interpreters of the peers, and of others the reason why there is none."""
    pythons, absent = {}, {}
    for peer in RECIPES:
        say(f"installing {peer}")
        try:
            pythons[peer] = python_of(peer, cache)
        except (NotInstalledError, OSError) as reason:
            absent[peer] = str(reason)
    return pythons, absent


def measured(
    workload: Workload, pythons: Mapping[str, Path], absent: Mapping[str, str], rounds: int, device: str
) -> Result:
    """Return what all contenders did in ``rounds`` turns each."""
    own = Path(sys.executable)
    wanted = {ROOF: (own, "roof_peer", "")}
    wanted |= {title_of(engine): (own, "phiforge_peer", engine) for engine in (engine_of(device), "torch")}
    peers: tuple[str, ...] = COMPARING
    if workload.adapts:
        peers = ADAPTING if workload.second_order else FIRST_ORDER
    wanted |= {TITLES[peer]: (pythons[peer], f"{peer}_peer", "") for peer in peers if peer in pythons}
    missing = {TITLES[peer]: absent[peer] for peer in peers if peer in absent}
    contenders = []
    for name, (python, module, variant) in wanted.items():
        try:
            contenders.append(Contender(name, python, module, workload, variant, device))
        except RuntimeError as reason:
            missing[name] = str(reason)
    for index in range(rounds):
        say(f"{workload.name}: round {index + 1} of {rounds}")
        for contender in contenders:
            contender.turn()
    for contender in contenders:
        contender.close()
    return Result(workload, contenders, missing, device)


def agrees(contender: Contender, result: Result) -> bool:
    """Say whether a gradient is ours; EasyFSL's distances are not squared, so that its is another."""
    if contender.name in (ROOF, TITLES["easyfsl"]):
        return True
    return abs(contender.gradient / result.ours.gradient - 1) < AGREEMENT


def count_of(workload: Workload) -> float:
    """Return the operations of the convolutions of one task."""
    images = workload.n_way, workload.n_way * workload.n_query
    return operations(Shape(*images, workload.inner_steps, workload.second_order, SIDE, CHANNELS))


def written(results: list[Result], rounds: int, device: str) -> Iterator[str]:
    """Yield the page, line by line."""
    yield f"# Performance of the compute engine{'' if device == 'cpu' else ' on a GPU'}"
    yield ""
    if device == "cpu":
        yield "`python -m benchmarks.performance` writes this page (`make bench` runs it with the others):"
    else:
        yield f"`python -m benchmarks.performance --device {device}` writes this page:"
    yield "the contribution of tasks (no outer optimiser), one process each, one thread,"
    yield f"turns of about a second, {rounds} rounds in turn; medians (lowest to highest). Conv-4 of 64 filters with"
    yield "batch normalisation and max-pooling, 28x28, float32, random images. All start from the same φ and find"
    yield "the same gradient, compared in float64 (not EasyFSL: its distances are not squared)."
    if device != "cpu":
        yield "Engine `vmap` computes a meta-batch at once, the others task by task, as they do. TF32 is off for all."
    yield ""
    yield f"{machine()};"
    if device != "cpu":
        yield f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda};"
    yield f"{versions()}; peers:"
    peers = {each for recipe in RECIPES.values() for each in (*recipe.bare, recipe.built) if each}
    yield ", ".join(sorted(peers)) + "."
    yield NOT_QUIET
    for result in results:
        yield from ["", f"## {result.workload.title}", ""]
        yield from rows(result)


def rows(result: Result) -> Iterator[str]:
    """Yield the table of one workload."""
    roof = result.rate(result.of(ROOF), result.of(ROOF).gradient)
    yield from table([each.format(engine_of(result.device)) for each in COLUMNS], cells(result, roof))
    yield ""
    by = "CPU time" if result.device == "cpu" else "time"
    yield f"The roof, convolutions of 64 to 64 channels alone at these shapes: {roof / 1e6:.0f} GFLOP/s of {by};"
    yield f"a task has {count_of(result.workload) / 1e9:.1f} GFLOP of convolutions."


def cells(result: Result, roof: float) -> Iterator[tuple[str, ...]]:
    """Yield a row for each contender, and for each that is absent; ``roof`` is in operations a millisecond."""
    ours, count = result.ours, count_of(result.workload)
    for each in result.contenders:
        if each.name == ROOF:
            continue
        cpu, clock = ([getattr(turn, of) for turn in each.turns] for of in ("cpu", "wall"))
        own_cpu, own_clock = ([getattr(turn, of) for turn in ours.turns] for of in ("cpu", "wall"))
        yield (
            each.name + ("" if agrees(each, result) else " (**another gradient**)"),
            spread([1000 / value for value in clock]),
            spread(cpu),
            f"{result.rate(each, count) / roof:.0%}",
            f"{each.peak / 1e6:.0f} MB",
            "" if each is ours else spread([a / b for a, b in zip(cpu, own_cpu, strict=True)], "x"),
            "" if each is ours else spread([a / b for a, b in zip(clock, own_clock, strict=True)], "x"),
        )
    for name, reason in result.absent.items():
        yield (name, f"not measured: {reason}", "", "", "", "", "")


if __name__ == "__main__":
    sys.exit(main())
