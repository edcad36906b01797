"""Small tasks, and parameters by hand, for the tests of learners."""

import torch

from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import EVALUATION, TaskShape, build_learner
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.tasks.episodes import Episode

FLAT = Conv4Config(channels=1, norm="none")
SHAPE = (1, 16, 16)
TRAIN_CLASSES = 12


def random_of(*shape, seed=0, dtype=torch.float64):
    return torch.rand(shape, generator=torch_generator("values", seed), dtype=torch.float64).to(dtype)


def doubles(values):
    return torch.tensor(values, dtype=torch.float64)


def constant_images(*values):
    """Images of one grey each."""
    return doubles(values).view(-1, 1, 1, 1).expand(-1, *SHAPE).contiguous()


def identity_phi():
    """Parameters of FLAT that make the one feature of an image of one grey that grey."""
    kernel = torch.zeros(1, 1, 3, 3, dtype=torch.float64)
    kernel[0, 0, 1, 1] = 1
    phi = {}
    for block in range(4):
        phi |= {f"conv{block}.weight": kernel, f"conv{block}.bias": doubles([0.0])}
        phi |= {f"norm{block}.weight": doubles([1.0]), f"norm{block}.bias": doubles([0.0])}
    return phi


def learner_of(config, n_way=5, shape=SHAPE, **parts):
    return build_learner(config, TaskShape(n_way, shape, TRAIN_CLASSES, **parts))


def adapt(learner, phi, x, y, mode=EVALUATION, seed=0):
    return learner.adapt(phi, x, y, mode, torch_generator("learner", seed))


def outcome_of(learner, phi, task, mode=EVALUATION, seed=0):
    return learner.query_outcome(phi, task, mode, torch_generator("learner", seed))


def task_of(n_way=5, k_shot=2, n_query=3, seed=0, dtype=torch.float64, shape=SHAPE):
    return Episode(
        random_of(n_way * k_shot, *shape, seed=seed, dtype=dtype),
        torch.arange(n_way).repeat_interleave(k_shot),
        random_of(n_way * n_query, *shape, seed=seed + 1, dtype=dtype),
        torch.arange(n_way).repeat_interleave(n_query),
        torch.randperm(TRAIN_CLASSES, generator=torch_generator("classes", seed))[:n_way],
    )


def regression_of(support=6, query=9, seed=0, dtype=torch.float64):
    """A line."""
    x, more = random_of(support, 1, seed=seed, dtype=dtype), random_of(query, 1, seed=seed + 1, dtype=dtype)
    return Episode(x, 2 * x - 1, more, 2 * more - 1, torch.empty(0, dtype=torch.int64))


def phi_of(learner, dtype=torch.float64):
    return {name: value.to(dtype) for name, value in learner.init_phi(torch_generator("phi")).items()}
