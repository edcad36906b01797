"""Networks that multiply in bfloat16: what stays float32, how far gradients turn, and that φ still gets better."""

import pytest
import torch
import torch.nn.functional as F

from benchmarks.patterns import patterns
from phiforge.learning.learners import TaskShape, build_learner
from phiforge.learning.tensors import torch_type
from phiforge.spec.task import Numerics
from tests.certificate.material import configured, contribution, episodes, estimating, phi_of, step_of
from tests.certificate.training import TRAININGS, run

SHAPE = TaskShape(5, (1, 28, 28))
VALUES = TaskShape(1, (1,), regression=True)


TASKS = list(patterns(16))


def config_of(name, norm):
    pools = 2 if name == "relation" else 4
    return configured(name, network={"name": "conv4", "channels": 16, "norm": norm, "pools": pools})


def gradient(config, shape, tasks, phi=None, **parts):
    """What tasks contribute, as one vector."""
    learner = build_learner(config, TaskShape(**vars(shape) | parts))
    phi = phi or phi_of(learner, torch.float32)
    found = contribution(estimating("backpropagation"), learner, phi, tasks, step_of(chunk=4))
    tensors = [*found.values.values(), *found.statistics.values()]
    assert {value.dtype for value in tensors} == {torch.float32}
    return torch.cat([found.values[name].flatten().double() for name in sorted(found.values)])


def turned(found, expected):
    """1 minus the cosine between two vectors; they must differ, or nothing was computed in another type."""
    assert not torch.equal(found, expected)
    return 1 - F.cosine_similarity(found, expected, dim=0).item()


@pytest.mark.parametrize(
    ("name", "norm", "engine"),
    [
        ("prototypical", "layer", "torch"),
        ("matching", "layer", "torch"),
        ("relation", "batch", "vmap"),
        ("anil", "layer", "torch"),
        ("maml", "layer", "torch"),
        ("maml", "layer", "vmap"),
        ("maml", "layer", "fused"),
        ("prototypical", "layer", "fused"),
        ("relation", "batch", "fused"),
    ],
)
def test_a_gradient_points_where_that_of_float32_does(name, norm, engine):
    # Given tasks with something to tell apart, and one φ, I expect a cosine above 0.99, and φ's type in all that is
    # contributed.
    config = config_of(name, norm)
    expected, found = (gradient(config, SHAPE, TASKS, engine=engine, bfloat16=each) for each in (False, True))
    assert turned(found, expected) < 0.01


@pytest.mark.parametrize("name", ["maml", "meta_sgd", "maml_plus_plus"])
def test_so_does_that_of_a_regression(name):
    config = configured(name, network={"name": "mlp"}, inner_steps=2, inner_lr=0.02)
    tasks = episodes(config, 0, torch.float32, count=4)
    expected, found = (gradient(config, VALUES, tasks, bfloat16=each) for each in (False, True))
    assert turned(found, expected) < 0.01


@pytest.mark.parametrize("engine", ["torch", "fused"])
@pytest.mark.parametrize("name", ["maml", "boil", "meta_sgd"])
def test_an_inner_loop_over_batch_statistics_turns_as_far_as_by_rounding_once(name, engine):
    # Given that rounding switches ReLUs and maxima, which an inner loop passes on, so that the gradient of float32
    # itself turns by several hundredths if φ is rounded to bfloat16 once
    config = config_of(name, "batch")
    phi = phi_of(build_learner(config, SHAPE), torch.float32)
    rounded = {name: value.bfloat16().float() for name, value in phi.items()}
    expected = gradient(config, SHAPE, TASKS, phi)
    by_rounding = turned(gradient(config, SHAPE, TASKS, rounded), expected)
    # I expect no more than a few times that of a network that rounds all along.
    found = gradient(config, SHAPE, TASKS, phi, engine=engine, bfloat16=True)
    assert turned(found, expected) < 4 * by_rounding


@pytest.mark.parametrize("numerics", [{"dtype": "bfloat16"}, {"engine": "vmap", "chunk": 2}], ids=str)
def test_a_short_training_learns(numerics):
    # Given ten-shot sinusoids, if φ is trained for a few seconds, in bfloat16 or by vmap
    losses = run(TRAININGS["meta_sgd", "backpropagation"]._replace(numerics=numerics))
    # I expect what is expected of float32 and plain torch.
    assert losses.after < losses.below < losses.before


@pytest.mark.parametrize(
    ("dtype", "kept", "mixed"),
    [("float32", torch.float32, False), ("float64", torch.float64, False), ("bfloat16", torch.float32, True)],
)
def test_what_is_kept_in_which_type(dtype, kept, mixed):
    numerics = Numerics(dtype=dtype)
    assert (torch_type(numerics.kept), numerics.bfloat16) == (kept, mixed)
