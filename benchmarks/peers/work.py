"""What every peer computes: the same tasks, from the same φ, on the same network. Imports nothing but torch."""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

CHANNELS, SIDE, BLOCKS = 64, 28, 4
INNER_LR = 0.4
TASKS = 4
"""Different tasks that a meta-batch goes through in turn."""


class Workload(NamedTuple):
    """One thing that is timed: an outer step of ``meta_batch`` tasks, without the optimiser."""

    name: str
    title: str
    n_way: int
    n_query: int
    inner_steps: int = 0
    second_order: bool = True
    meta_batch: int = 1

    @property
    def adapts(self) -> bool:
        """Whether it is MAML; else a prototypical network."""
        return self.inner_steps > 0


WORKLOADS = {
    each.name: each
    for each in (
        Workload("maml", "MAML second order, 5-way 1-shot, 1 step, meta-batch 32", 5, 15, 1, True, 32),
        Workload("first-order", "MAML first order, 5-way 1-shot, 1 step, meta-batch 32", 5, 15, 1, False, 32),
        Workload("maml-20", "MAML second order, 20-way 1-shot, 5 steps, meta-batch 16", 20, 15, 5, True, 16),
        Workload("prototypical", "ProtoNet, 20-way 1-shot, 5 queries a class, one task a step", 20, 5),
    )
}


class Task(NamedTuple):
    """One task of random images: time does not depend on what they show."""

    support_x: torch.Tensor
    support_y: torch.Tensor
    query_x: torch.Tensor
    query_y: torch.Tensor


def tasks_of(workload: Workload, device: str) -> list[Task]:
    """Return the tasks, the same in every process."""
    generator = torch.Generator().manual_seed(0)
    ways = torch.arange(workload.n_way)

    def images(each: int) -> torch.Tensor:
        return torch.rand(workload.n_way * each, 1, SIDE, SIDE, generator=generator)

    tasks = [
        (images(1), ways, images(workload.n_query), ways.repeat_interleave(workload.n_query)) for _ in range(TASKS)
    ]
    return [Task(*(part.to(device) for part in task)) for task in tasks]


def phi_of(workload: Workload) -> dict[str, torch.Tensor]:
    """Return φ by Phiforge's names, the same in every process; without a head for a prototypical network."""
    generator = torch.Generator().manual_seed(1)

    def uniform(*shape: int, fan_in: int) -> torch.Tensor:
        return (2 * torch.rand(shape, generator=generator) - 1) / fan_in**0.5

    phi, inputs = {}, 1
    for block in range(BLOCKS):
        phi[f"conv{block}.weight"] = uniform(CHANNELS, inputs, 3, 3, fan_in=9 * inputs)
        phi |= {f"norm{block}.weight": torch.ones(CHANNELS), f"norm{block}.bias": torch.zeros(CHANNELS)}
        inputs = CHANNELS
    if workload.adapts:
        phi["head.weight"] = uniform(workload.n_way, CHANNELS, fan_in=CHANNELS)
        phi["head.bias"] = torch.zeros(workload.n_way)
    return phi


def network_of(workload: Workload) -> torch.nn.Module:
    """Return Conv-4 as the literature's code writes it, for peers that take any module."""
    layers, inputs = [], 1
    for _ in range(BLOCKS):
        layers += [torch.nn.Conv2d(inputs, CHANNELS, 3, padding=1), torch.nn.BatchNorm2d(CHANNELS)]
        layers += [torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
        inputs = CHANNELS
    layers.append(torch.nn.Flatten())
    if workload.adapts:
        layers.append(torch.nn.Linear(CHANNELS, workload.n_way))
    return loaded(torch.nn.Sequential(*layers), workload)


def loaded(module: torch.nn.Module, workload: Workload) -> torch.nn.Module:
    """Return ``module`` with φ in it: its layers in their order, biases of convolutions at zero."""
    phi = phi_of(workload)
    convolutions = [each for each in module.modules() if isinstance(each, torch.nn.Conv2d)]
    norms = [each for each in module.modules() if isinstance(each, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        for block, (convolution, norm) in enumerate(zip(convolutions, norms, strict=True)):
            convolution.weight.copy_(phi[f"conv{block}.weight"])
            convolution.bias.zero_()
            norm.weight.copy_(phi[f"norm{block}.weight"])
            norm.bias.copy_(phi[f"norm{block}.bias"])
        for head in (each for each in module.modules() if isinstance(each, torch.nn.Linear)):
            head.weight.copy_(phi["head.weight"])
            head.bias.copy_(phi["head.bias"])
    return module


def size_of_gradient(module: torch.nn.Module) -> float:
    """Return the norm of what is in ``grad`` of the first convolution of ``module``, and empty it."""
    first = next(each for each in module.modules() if isinstance(each, torch.nn.Conv2d))
    size = float(first.weight.grad.norm())
    module.zero_grad()
    return size


class Peer(NamedTuple):
    """What a peer's process offers: ``step`` does so many tasks ``together``; ``gradient`` is the size of one's."""

    step: Callable[..., object]
    gradient: Callable[[Task], float]
    together: int = 1


def serve(build: Callable[[Workload, str, str], Peer]) -> None:
    """Answer each number of tasks on stdin with the seconds that they took, as one line of JSON on stdout.

    The line says how many tasks it were: no fewer than asked for. ``build`` is given workload, variant and device.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--workload", choices=WORKLOADS, required=True)
    parser.add_argument("--variant", default="")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--check", action="store_true", help="say the size of the gradient in float64, and end")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.backends.cudnn.allow_tf32 = False  # float32 is float32, for all
    if options.check:
        torch.set_default_dtype(torch.float64)
    workload = WORKLOADS[options.workload]
    tasks, peer = tasks_of(workload, options.device), build(workload, options.variant, options.device)
    if options.check:
        say(gradient=peer.gradient(tasks[0]))
        return
    batch = [tasks[place % TASKS] for place in range(peer.together + TASKS - 1)]
    peer.step(*batch[: peer.together])
    for line in sys.stdin:
        steps = -(-int(line) // peer.together)
        wall, cpu = now(options.device)
        for index in range(steps):
            first = index * peer.together % TASKS
            peer.step(*batch[first : first + peer.together])
        wall, cpu = (after - before for before, after in zip((wall, cpu), now(options.device), strict=True))
        say(wall=wall, cpu=cpu, tasks=steps * peer.together, peak=peak(options.device))


def now(device: str) -> tuple[float, float]:
    """Return the clock and the processor time of this process in seconds, once what was asked of a GPU is done."""
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter(), time.process_time()


def peak(device: str) -> int:
    """Return the most bytes that were in use: on a GPU, of its memory."""
    if device != "cpu":
        return torch.cuda.max_memory_reserved()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def say(**facts: object) -> None:
    """Write a line for the one who measures."""
    print(json.dumps(facts), flush=True)
