"""What keeping freed memory gains: second-order MAML with and without it, in turn, on the same episodes.

python -m benchmarks.memory [--rounds 5] [--tasks 40]
"""

import multiprocessing
import time
from typing import NamedTuple

import torch

from benchmarks.page import parser, publish, spread
from phiforge.fleet.memory import keep_freed_memory
from phiforge.learning.estimators import Step, build_estimator
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import TaskShape, build_learner
from phiforge.learning.learners.maml import MamlConfig
from phiforge.learning.tensors import fingerprint
from phiforge.spec.run import RunSpec
from phiforge.tasks.episodes import Episode

N_WAY, N_QUERY, SIDE = 5, 5, 28


class Timing(NamedTuple):
    """Milliseconds a task, and the hash of the gradient."""

    milliseconds: float
    gradient: str


def main() -> None:
    """Measure and print; raises AssertionError if the gradients differ."""
    arguments = parser(__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--tasks", type=int, default=40, help="measured tasks a round")
    options = arguments.parse_args()
    pairs = [(measured(False, options.tasks), measured(True, options.tasks)) for _ in range(options.rounds)]
    assert len({timing.gradient for pair in pairs for timing in pair}) == 1, "the numbers changed"
    plain, kept = ([pair[side].milliseconds for pair in pairs] for side in (0, 1))
    ratios = [after / before for before, after in zip(plain, kept, strict=True)]
    found = {"as it is, ms a task": plain, "freed memory kept, ms a task": kept, "ratio": ratios}
    publish((f"{name:>30}: {spread(values)}" for name, values in found.items()), options.output)


def measured(keep: bool, tasks: int) -> Timing:
    """Return the timing of a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(compute, (keep, tasks))


def compute(keep: bool, tasks: int) -> Timing:
    """Compute gradients as a trainer does."""
    if keep:
        keep_freed_memory()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    learner = build_learner(MamlConfig(), TaskShape(N_WAY, (1, SIDE, SIDE)))
    phi = learner.init_phi(torch_generator("memory"))
    episodes = [episode(index) for index in range(4)]
    step = Step(RunSpec(), 0)
    estimator = build_estimator(step.spec.estimator)
    gradient = estimator.contribute(learner, phi, episodes, step, 0).values
    start = time.perf_counter()
    for _ in range(tasks // len(episodes)):
        estimator.contribute(learner, phi, episodes, step, 0)
    return Timing(1000 * (time.perf_counter() - start) / tasks, fingerprint(gradient))


def episode(index: int) -> Episode:
    """Return an episode of noise: time does not depend on what the images show."""
    generator = torch_generator("memory", index)
    return Episode(
        support_x=torch.rand(N_WAY, 1, SIDE, SIDE, generator=generator),
        support_y=torch.arange(N_WAY),
        query_x=torch.rand(N_WAY * N_QUERY, 1, SIDE, SIDE, generator=generator),
        query_y=torch.arange(N_WAY).repeat_interleave(N_QUERY),
        classes=torch.arange(N_WAY),
    )


if __name__ == "__main__":
    main()
