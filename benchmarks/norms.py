"""What the fused engine gains under each normalisation: processor time a task beside engine ``torch``, in one process.

    python -m benchmarks.norms [--rounds 5] [--norms batch layer group none] [--output FILE]

5-way 1-shot with 15 queries a class, 28x28, Conv-4 of 64 filters, one thread. The two engines take turns at the same
tasks; a ratio is of the two times of one round, and the median and the ends of the rounds' ratios are shown.
"""

import shlex
import sys
import time

import torch

from benchmarks.engines import contribution, fresh, learner_of
from benchmarks.page import NOT_QUIET, machine, parser, publish, spread, table, versions
from benchmarks.patterns import patterns
from phiforge.learning.learners import Learner
from phiforge.learning.repeatable import repeat_exactly
from phiforge.learning.tensors import Tensors
from phiforge.tasks.episodes import Episode

NORMS = ("batch", "layer", "group", "none")
WAYS = (("maml", "backpropagation"), ("maml", "first_order"), ("prototypical", "backpropagation"))
TASKS = 4
HEAD = """# The fused engine under each normalisation

Written by `{command}`: 5-way 1-shot with 15 queries a class, 28x28, Conv-4 of 64 filters, one thread;
median (lowest to highest) of the rounds. The engines take turns at the same tasks."""
COLUMNS = ("learner", "estimator", "norm", "torch, ms a task", "fused, ms a task", "times as fast")


def main() -> None:
    """Measure each way under each normalisation, and print."""
    arguments = parser(__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--norms", nargs="+", default=NORMS, choices=NORMS)
    options = arguments.parse_args()
    torch.set_num_threads(1)
    repeat_exactly()
    rows = [row(name, estimator, norm, options.rounds) for name, estimator in WAYS for norm in options.norms]
    command = shlex.join(["python", "-m", "benchmarks.norms", *sys.argv[1:]])
    head = [*HEAD.format(command=command).splitlines(), "", machine() + ". " + NOT_QUIET, "", versions() + ".", ""]
    publish([*head, *table(COLUMNS, rows)], options.output)


def row(name: str, estimator: str, norm: str, rounds: int) -> tuple[str, ...]:
    """Return what both engines take for the same tasks."""
    config = {"name": name, "network": {"name": "conv4", "channels": 64, "norm": norm}}
    plain, fused = learner_of(config, "torch", False), learner_of(config, "fused", False)
    phi, episodes = fresh(plain, "cpu"), list(patterns(TASKS, n_query=15))
    for learner in (plain, fused):
        milliseconds(learner, phi, episodes, estimator)  # compiles, and warms up
    pairs = [[milliseconds(each, phi, episodes, estimator) for each in (plain, fused)] for _ in range(rounds)]
    theirs, ours = zip(*pairs, strict=True)
    ratios = [slow / quick for slow, quick in pairs]
    return name, estimator, norm, spread(theirs), spread(ours), spread(ratios, "x")


def milliseconds(learner: Learner, phi: Tensors, episodes: list[Episode], estimator: str) -> float:
    """Return the processor's milliseconds a task of one job."""
    started = time.process_time()
    contribution(learner, phi, episodes, estimator, chunk=1)
    return 1e3 * (time.process_time() - started) / len(episodes)


if __name__ == "__main__":
    main()
