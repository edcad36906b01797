"""What a peer's training loop is given and what it says on the way. Imports nothing but numpy, torch and ``work``."""

import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from work import BLOCKS, CHANNELS, say


class Job(NamedTuple):
    """One training: the files it starts from, and the settings of its outer and inner loop.

    ``rates``: the outer learning rate of every step; ``marks``: the steps after which φ is written and judged;
    ``limit_seconds``: of training, after which it is judged once more and over.
    """

    images: str
    phi: str
    folder: str
    n_way: int
    k_shot: int
    n_query: int
    meta_batch: int
    rates: list[float]
    marks: list[int]
    clip_norm: float | None
    seed: int
    threads: int
    limit_seconds: float
    inner_lr: float = 0.0
    inner_steps: int = 0

    @property
    def drawings(self) -> int:
        """How many images of a class a task takes."""
        return self.k_shot + self.n_query


class Images(NamedTuple):
    """All training images [images, 1, 28, 28] in [0, 1], and the class of each."""

    x: torch.Tensor
    y: torch.Tensor


class Training(NamedTuple):
    """A peer's own loop: ``step`` leaves the mean gradient of a meta-batch in ``module``; that is what is stepped."""

    module: torch.nn.Module
    step: Callable[[], None]


def network(n_way: int = 0) -> torch.nn.Sequential:
    """Return Conv-4 as the literature's code writes it, with a head if it is of ``n_way``."""
    layers, inputs = list[torch.nn.Module](), 1
    for _ in range(BLOCKS):
        layers += [torch.nn.Conv2d(inputs, CHANNELS, 3, padding=1), torch.nn.BatchNorm2d(CHANNELS)]
        layers += [torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
        inputs = CHANNELS
    head = [torch.nn.Linear(CHANNELS, n_way)] if n_way else []
    return torch.nn.Sequential(*layers, torch.nn.Flatten(), *head)


def parameters(module: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Parameter]]:
    """Yield the parameters of a Conv-4 under Phiforge's names; a bias before a normalisation has no effect."""
    kinds = (("conv", torch.nn.Conv2d), ("norm", torch.nn.BatchNorm2d), ("head", torch.nn.Linear))
    for kind, of in kinds:
        for place, each in enumerate(layer for layer in module.modules() if isinstance(layer, of)):
            name = kind if kind == "head" else f"{kind}{place}"
            yield f"{name}.weight", each.weight
            if kind != "conv":
                yield f"{name}.bias", each.bias


def fill(module: torch.nn.Module, path: str) -> None:
    """Let ``module`` start from φ₀, with no biases in its convolutions."""
    phi = np.load(path)
    with torch.no_grad():
        for convolution in (each for each in module.modules() if isinstance(each, torch.nn.Conv2d)):
            convolution.bias.zero_()
        for name, value in parameters(module):
            value.copy_(torch.from_numpy(phi[name]))


def train(build: Callable[[Job, Images], Training]) -> None:
    """Train as the job in the file of the first argument says; its clock stands still while a mark's φ is judged.

    After each mark a line of JSON says the version, the seconds of training so far and where φ is. A line on stdin says
    to go on; its end, to stop.
    """
    job = Job(**json.loads(Path(sys.argv[1]).read_text()))
    torch.set_num_threads(job.threads)
    random.seed(job.seed)
    np.random.seed(job.seed)
    torch.manual_seed(job.seed)
    arrays = np.load(job.images)
    images = Images(torch.from_numpy(arrays["x"]).float().div_(255), torch.from_numpy(arrays["y"]))
    training = build(job, images)
    fill(training.module, job.phi)
    optimizer = torch.optim.Adam(training.module.parameters())
    begun = time.perf_counter()
    for version, rate in enumerate([*job.rates, 0.0]):
        paused = time.perf_counter()
        late = paused - begun > job.limit_seconds
        if version in job.marks or late:
            if not told(job, version, paused - begun, training.module) or late:
                return
            begun += time.perf_counter() - paused
        update(training, optimizer, rate, job.clip_norm)


def update(training: Training, optimizer: torch.optim.Adam, rate: float, clip_norm: float | None) -> None:
    """Take one outer step at ``rate``."""
    optimizer.zero_grad()
    training.step()
    if clip_norm is not None:
        torch.nn.utils.clip_grad_norm_(training.module.parameters(), clip_norm)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()


def told(job: Job, version: int, seconds: float, module: torch.nn.Module) -> bool:
    """Write φ of a version, say so, and return whether to go on."""
    path = Path(job.folder) / f"{version}.npz"
    np.savez(path, **{name: value.detach().numpy() for name, value in parameters(module)})
    say(version=version, seconds=seconds, phi=str(path))
    return bool(sys.stdin.readline())
