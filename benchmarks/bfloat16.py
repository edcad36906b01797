"""bfloat16 in the fused engine: how fast this processor convolves in it, and what φ comes to by it, beside float32.

    python -m benchmarks.bfloat16 [--tasks 2000 --seeds 0 1 2] [--state FOLDER] [--output docs/results/bfloat16.md]

Whether bfloat16 serves is a question of two answers: of the processor's, and of what is learned. For the first,
convolutions of 64 to 64 channels are timed in both types, in turn. For the second, each learner is trained in both on
the same tasks of real Omniglot, 5-way 1-shot, in one process, and judged on the same 200 validation tasks. What each
training came to is kept in the state's folder, so that a benchmark that is stopped goes on.
"""

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.page import NOT_QUIET, machine, parser, publish, say, table, versions
from phiforge.base.environment import read_settings
from phiforge.learning.meta_training import judge, meta_train
from phiforge.learning.repeatable import repeat_exactly
from phiforge.spec.read import parse_spec, read_spec
from phiforge.spec.run import RunSpec
from phiforge.tasks.drawing import Tasks
from phiforge_client.ready_made import FOLDER

SPECS = ("omniglot-maml-5w1s", "omniglot-meta-sgd-5w1s", "omniglot-prototypical-5w1s")
TYPES = ("float32", "bfloat16")
SHAPES = ((5, 14), (75, 14), (75, 7), (100, 14))
"""Images, and sides of their maps."""
CHANNELS, META_BATCH, JUDGED, TURNS = 64, 4, 200, 15
HEAD = """# bfloat16 in the fused engine

Written by `python -m benchmarks.bfloat16`. {machine}. {shared}
Instruction sets: {sets}.

{versions}.

## How fast this processor convolves

3x3 convolutions of 64 to 64 channels in channels-last memory, one thread, the types in turn; medians.
GFLOP/s of processor time, forward / gradient in the input / gradient in the weight.
"""
LEARNED = """
## What is learned

Specs as shipped but for {tasks:,} training tasks in meta-batches of 4, engine `fused`, one process. Validation accuracy
on the same {judged} tasks. Each cell: the mean of seeds {seeds}, and in brackets what each came to.
"""


def main() -> None:
    """Time, train what is not yet trained, and print."""
    arguments = parser(__doc__)
    arguments.add_argument("--tasks", type=int, default=2000)
    arguments.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments.add_argument("--state", type=Path, default=Path(".phiforge/bfloat16"))
    options = arguments.parse_args()
    torch.set_num_threads(1)
    repeat_exactly()
    speeds = table(("images, side", *TYPES, "bfloat16, times as fast"), [speed_row(*shape) for shape in SHAPES])
    rows = [
        learned_row(name, [learned(options.state, name, kind, options.tasks, options.seeds) for kind in TYPES])
        for name in SPECS
    ]
    text = {"machine": machine(), "shared": NOT_QUIET, "sets": sets(), "versions": versions()}
    told = LEARNED.format(tasks=options.tasks, judged=JUDGED, seeds=", ".join(map(str, options.seeds)))
    learned_table = table(("spec", *TYPES, "difference of the means, points"), rows)
    publish([*HEAD.format(**text).splitlines(), "", *speeds, *told.splitlines(), "", *learned_table], options.output)


def sets() -> str:
    """Return which of the instructions that bfloat16 asks for the processor has, as Linux tells."""
    flags = set(Path("/proc/cpuinfo").read_text().split())
    found = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in flags]
    return ", ".join(found) or "none of those that matter"


def speed_row(images: int, side: int) -> tuple[str, ...]:
    """Return what one shape does in both types."""
    speeds = [[speeds_of(images, side, kind) for kind in TYPES] for _ in range(3)]
    middle = [[statistics.median(turn[t][p] for turn in speeds) for p in range(3)] for t in range(2)]
    ratios = [f"{quick / slow:.2f}" for slow, quick in zip(*middle, strict=True)]
    cells = [" / ".join(f"{speed:.0f}" for speed in passes) for passes in middle]
    return f"{images}, {side}", *cells, " / ".join(ratios)


def speeds_of(images: int, side: int, kind: str) -> list[float]:
    """Return GFLOP/s of the three passes."""
    dtype = getattr(torch, kind)
    x = torch.rand(images, CHANNELS, side, side).to(dtype).contiguous(memory_format=torch.channels_last)
    weight = torch.rand(CHANNELS, CHANNELS, 3, 3).to(dtype).contiguous(memory_format=torch.channels_last)
    z = F.conv2d(x, weight, padding=1)

    def backward(*needs: bool) -> Callable[[], Tensor]:
        geometry = ([1, 1], [1, 1], [1, 1], False, [0, 0], 1, [*needs, False])
        return lambda: torch.ops.aten.convolution_backward(z, x, weight, None, *geometry)

    operations = 2 * 9 * CHANNELS * x.numel()
    passes = (lambda: F.conv2d(x, weight, padding=1), backward(True, False), backward(False, True))
    return [operations / seconds(each) / 1e9 for each in passes]


def seconds(work: Callable[[], object]) -> float:
    """Return the median processor time of some work."""
    found = []
    for _ in range(TURNS + 3):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return statistics.median(found[3:])


def learned(state: Path, name: str, kind: str, tasks: int, seeds: list[int]) -> list[float]:
    """Return the accuracy that each seed came to, in per cent."""
    return [accuracy(state / f"{name}-{kind}-{tasks}-{seed}.json", spec_of(name, kind, tasks, seed)) for seed in seeds]


def spec_of(name: str, kind: str, tasks: int, seed: int) -> RunSpec:
    """Return the ready-made spec for so many tasks, in a type."""
    raw = read_spec(FOLDER / f"{name}.yaml")
    batch = {"versions": tasks // META_BATCH, "meta_batch": META_BATCH, "job_size": META_BATCH}
    changed = {"seed": seed, "outer": raw["outer"] | batch, "numerics": {"engine": "fused", "dtype": kind}}
    return parse_spec(raw | changed | {"evaluation": raw["evaluation"] | {"validation_tasks": JUDGED}})


def accuracy(kept: Path, spec: RunSpec) -> float:
    """Return what a training came to, from its file if it is over."""
    if not kept.exists():
        tasks = Tasks(spec, read_settings())
        *_, last = meta_train(spec, tasks.training, tasks.train_classes)
        found = judge(spec, last.phi, tasks.judged("validation"))["accuracy"]
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps({"accuracy": 100 * found.mean, "ci95": 100 * found.ci95}))
        say(f"{kept.stem}: {100 * found.mean:.1f} ± {100 * found.ci95:.1f} %")
    return float(json.loads(kept.read_text())["accuracy"])


def learned_row(name: str, found: list[list[float]]) -> tuple[str, ...]:
    """Return what a spec came to in both types."""
    plain, mixed = (statistics.fmean(each) for each in found)
    return name, *map(cell, found), f"{mixed - plain:+.2f}"


def cell(accuracies: list[float]) -> str:
    """Return the mean of the seeds, and each."""
    return f"{statistics.fmean(accuracies):.2f} % ({', '.join(f'{each:.1f}' for each in accuracies)})"


if __name__ == "__main__":
    main()
