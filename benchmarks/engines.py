"""What each engine costs on a device, and how far bfloat16 turns gradients: 5-way 1-shot, one inner step.

python -m benchmarks.engines [--device cpu] [--chunks 1 4] [--rounds 4]
"""

import argparse
import multiprocessing
import resource
import time
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.patterns import N_WAY, SIDE, patterns
from phiforge.learning.engines import lacks
from phiforge.learning.estimators import Contribution, Step, build_estimator
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Learner, TaskShape, build_learner
from phiforge.learning.networks.bases.normalisation import is_statistic
from phiforge.learning.repeatable import repeat_exactly
from phiforge.learning.tensors import Tensors
from phiforge.spec.run import RunSpec
from phiforge.spec.task import Engine
from phiforge.tasks.episodes import Episode

COMPARED = ("relation", "matching", "prototypical", "siamese", "r2d2", "maml")


class Way(NamedTuple):
    """A learner and an estimator, and what computes them."""

    learner: str
    estimator: str
    engine: Engine
    chunk: int
    bfloat16: bool


class Cost(NamedTuple):
    """Milliseconds a task by the clock and of the processor, and the largest memory in MB: the GPU's, if it is one."""

    milliseconds: float
    processor: float
    memory: float


def main() -> None:
    """Measure each way in a process of its own, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--chunks", type=int, nargs="+", default=[1, 4], help="episodes together; a job has the most")
    parser.add_argument("--rounds", type=int, default=4, help="jobs, of which the fastest counts")
    options = parser.parse_args()
    print("| learner | estimator | engine | chunk | type | ms a task | CPU ms a task | memory |")
    print("|---|---|---|---|---|---|---|---|")
    for way in ways(options.device, options.chunks):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            cost = pool.apply(measured, (way, options.device, max(options.chunks), options.rounds))
        row = (way.learner, way.estimator, way.engine, way.chunk, "bfloat16" if way.bfloat16 else "float32")
        figures = f"{cost.milliseconds:.0f} | {cost.processor:.0f} | {cost.memory:.0f} MB |"
        print("| " + " | ".join(map(str, row)) + " | " + figures)
    print("\n| gradient's cosine with float32's | normalised by | bfloat16 | float32, φ rounded once |")
    print("|---|---|---|---|")
    for name in COMPARED:
        for norm in ("batch", "layer"):
            mixed, rounded = cosines(name, norm, options.device)
            print(f"| {name} | {norm} | {mixed:.3f} | {rounded:.3f} |")


def ways(device: str, chunks: list[int]) -> list[Way]:
    """Return what is measured on a device."""
    engines: list[tuple[Engine, int]] = [("torch", 1), ("fused", 1), *(("vmap", chunk) for chunk in chunks)]
    return [
        Way(learner, estimator, engine, chunk, bfloat16)
        for learner, estimator in (
            ("maml", "backpropagation"),
            ("maml", "first_order"),
            ("prototypical", "backpropagation"),
        )
        for engine, chunk in engines
        for bfloat16 in (False, True)
        if not lacks(engine, device)
    ]


def measured(way: Way, device: str, tasks: int, rounds: int) -> Cost:
    """Return what a job of so many tasks of 15 queries a class costs, on Conv-4 of 64 filters."""
    torch.set_num_threads(1)
    repeat_exactly()
    learner = learner_of({"name": way.learner}, way.engine, way.bfloat16)
    phi, episodes = fresh(learner, device), on(device, list(patterns(tasks, n_query=15)))
    best = Cost(float("inf"), float("inf"), 0.0)
    for _ in range(rounds):
        clock, processor = time.perf_counter(), time.process_time()
        contribution(learner, phi, episodes, way.estimator, way.chunk)
        clock, processor = time.perf_counter() - clock, time.process_time() - processor
        best = Cost(min(best.milliseconds, 1e3 * clock / tasks), min(best.processor, 1e3 * processor / tasks), 0.0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return best._replace(memory=(torch.cuda.max_memory_allocated() if device != "cpu" else peak) / 2**20)


def cosines(name: str, norm: str, device: str) -> tuple[float, float]:
    """Return the cosine with float32's gradient of that in bfloat16, and of float32's at a φ rounded to it once."""
    network = {"name": "conv4", "channels": 16, "norm": norm, "pools": 2 if name == "relation" else 4}
    config = {"name": name, "network": network}
    plain, mixed = (learner_of(config, "torch", bfloat16) for bfloat16 in (False, True))
    phi, tasks = fresh(plain, device), on(device, list(patterns(16)))
    rounded = {key: value.bfloat16().float() for key, value in phi.items()}
    expected = flat(contribution(plain, phi, tasks))
    found = flat(contribution(mixed, phi, tasks)), flat(contribution(plain, rounded, tasks))
    first, second = (F.cosine_similarity(each, expected, dim=0).item() for each in found)
    return first, second


def learner_of(config: dict[str, Any], engine: Engine, bfloat16: bool) -> Learner:
    """Return a learner for grey images."""
    spec = RunSpec.model_validate({"learner": config})
    return build_learner(spec.learner, TaskShape(N_WAY, (1, SIDE, SIDE), engine=engine, bfloat16=bfloat16))


def fresh(learner: Learner, device: str) -> Tensors:
    """Return φ₀, a little off what begins as zeros and ones."""
    generator, phi = torch_generator("off"), {}
    for name, value in sorted(learner.init_phi(torch_generator("phi")).items()):
        off = 0 if is_statistic(name) else 0.03 * torch.randn(value.shape, generator=generator)
        phi[name] = (value + off).to(device)
    return phi


def on(device: str, episodes: list[Episode]) -> list[Episode]:
    """Return episodes on a device."""
    return [Episode(**{name: value.to(device) for name, value in vars(each).items()}) for each in episodes]


def contribution(
    learner: Learner, phi: Tensors, episodes: list[Episode], estimator: str = "backpropagation", chunk: int = 4
) -> Contribution:
    """Return what a job contributes."""
    spec = RunSpec.model_validate({"estimator": {"name": estimator}, "numerics": {"chunk": chunk}})
    return build_estimator(spec.estimator).contribute(learner, phi, episodes, Step(spec, 0), job=0)


def flat(found: Contribution) -> Tensor:
    """Return a gradient as one vector."""
    return torch.cat([found.values[name].flatten().double() for name in sorted(found.values)])


if __name__ == "__main__":
    main()
