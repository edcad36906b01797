"""∂L/∂φ is what it is said to be: against finite differences, and against a second formulation."""

from statistics import median

import pytest
import torch

from phiforge.episodes import Episode
from phiforge.learners import Mode, TaskShape, build_learner
from phiforge.learners.maml import MamlConfig
from phiforge.learners.prototypical import PrototypicalConfig
from phiforge.networks.conv4 import Conv4Config
from phiforge.randomness import torch_generator
from phiforge.spec.run import RunSpec
from tests.references.plain import maml_gradient, prototypical_gradient
from trainer.estimators import ESTIMATORS, Step

N_WAY = 5
FINITE_STEP = 1e-7
"""Small enough for ReLU and max-pooling not to switch on the way, large enough for float64."""


def episodes(count, size, dtype, n_query=3, k_shot=1):
    generator = torch_generator("episodes", count, size)
    return [
        Episode(
            support_x=torch.rand(N_WAY * k_shot, 1, size, size, generator=generator, dtype=torch.float64).to(dtype),
            support_y=torch.arange(N_WAY).repeat_interleave(k_shot),
            query_x=torch.rand(N_WAY * n_query, 1, size, size, generator=generator, dtype=torch.float64).to(dtype),
            query_y=torch.arange(N_WAY).repeat_interleave(n_query),
        )
        for _ in range(count)
    ]


def learner_of(config, size):
    return build_learner(config, TaskShape(N_WAY, (1, size, size)))


def phi_of(learner, dtype, start="phi"):
    return {name: value.to(dtype) for name, value in learner.init_phi(torch_generator(start)).items()}


def contribution(estimator, learner, phi, tasks, chunk=1):
    spec = RunSpec.model_validate({"numerics": {"chunk": chunk}})
    return ESTIMATORS[estimator]().contribute(learner, phi, tasks, Step(spec, 0), job=0)


def plain(tasks):
    return [(task.support_x, task.support_y, task.query_x, task.query_y) for task in tasks]


def relative_error(found, expected):
    """The largest error of any entry, relative to the largest entry of all."""
    scale = max(value.abs().max() for value in expected.values())
    return float(max((found[name] - expected[name]).abs().max() for name in expected) / scale)


CONFIGS = [
    *(
        MamlConfig(inner_lr=0.1, inner_steps=steps, network=Conv4Config(channels=8, norm=norm))
        for norm in ("batch", "layer", "group", "none")
        for steps in (1, 3)
    ),
    *(PrototypicalConfig(network=Conv4Config(channels=8, norm=norm)) for norm in ("batch", "layer", "group", "none")),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.name}-{c.network.norm}-{getattr(c, 'inner_steps', 0)}")
def test_against_finite_differences(config):
    # Given L(φ) of one task in float64, and its gradient by backpropagation
    learner, tasks = learner_of(config, 16), episodes(1, 16, torch.float64)
    phi = phi_of(learner, torch.float64)
    gradient = contribution("backpropagation", learner, phi, tasks).values

    def loss_at(step, direction):
        moved = {name: (value + step * direction[name]).requires_grad_() for name, value in phi.items()}
        mode = Mode(training=True, second_order=True)
        return learner.query_outcome(moved, tasks[0], mode, torch_generator()).loss.item()

    for seed in range(5):
        # If φ moves a little each way along a random direction
        generator = torch_generator("direction", seed)
        direction = {
            name: torch.randn(value.shape, generator=generator, dtype=torch.float64) for name, value in phi.items()
        }
        slope = (loss_at(FINITE_STEP, direction) - loss_at(-FINITE_STEP, direction)) / (2 * FINITE_STEP)
        # I expect L to change as the gradient says.
        expected = float(sum((gradient[name] * direction[name]).sum() for name in phi))
        assert slope == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("estimator", ["backpropagation", "first_order"])
@pytest.mark.parametrize("steps", [1, 5])
def test_maml_against_a_second_formulation(estimator, steps):
    # Given the real Conv-4 and two tasks in float64
    assert maml_error(estimator, steps, torch.float64, "phi") < 1e-8


@pytest.mark.parametrize("estimator", ["backpropagation", "first_order"])
def test_maml_against_a_second_formulation_in_float32(estimator):
    # Given five starts in float32, of which one or two may have a ReLU or a maximum that rounding switches
    errors = [maml_error(estimator, 1, torch.float32, start) for start in range(5)]
    # I expect the gradient to be right where none does.
    assert median(errors) < 1e-4


def maml_error(estimator, steps, dtype, start):
    learner = learner_of(MamlConfig(inner_lr=0.1, inner_steps=steps), 28)
    phi, tasks = phi_of(learner, dtype, start), episodes(1 if dtype == torch.float32 else 2, 28, dtype)
    expected = maml_gradient(phi, plain(tasks), 0.1, steps, second_order=estimator == "backpropagation")
    return relative_error(contribution(estimator, learner, phi, tasks).values, expected)


def test_first_order_is_not_second_order():
    # Given one task, if both gradients are computed, I expect them to be far apart: neither stands in for the other.
    learner, tasks = learner_of(MamlConfig(inner_lr=0.4), 28), episodes(1, 28, torch.float64)
    phi = phi_of(learner, torch.float64)
    exact = contribution("backpropagation", learner, phi, tasks).values
    approximate = contribution("first_order", learner, phi, tasks).values
    assert relative_error(approximate, exact) > 0.01


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-8), (torch.float32, 1e-4)])
def test_prototypical_against_a_second_formulation(dtype, tolerance):
    # Given the real Conv-4 and two tasks of two shots
    learner, tasks = learner_of(PrototypicalConfig(), 28), episodes(2, 28, dtype, k_shot=2)
    phi = phi_of(learner, dtype)
    # If both formulations compute the gradient, I expect them to agree.
    expected = prototypical_gradient(phi, plain(tasks), N_WAY)
    assert relative_error(contribution("backpropagation", learner, phi, tasks).values, expected) < tolerance


@pytest.mark.parametrize("estimator", ["backpropagation", "first_order"])
def test_a_job_is_the_sum_of_its_episodes(estimator):
    # Given four episodes
    learner, tasks = learner_of(MamlConfig(network=Conv4Config(channels=8)), 16), episodes(4, 16, torch.float64)
    phi = phi_of(learner, torch.float64)
    # If they make one job, or four, or share backward passes
    whole = contribution(estimator, learner, phi, tasks)
    parts = [contribution(estimator, learner, phi, [task]) for task in tasks]
    shared = contribution(estimator, learner, phi, tasks, chunk=3)
    # I expect the same sums.
    summed = {name: sum(part.values[name] for part in parts) for name in phi}
    assert relative_error(summed, whole.values) < 1e-12
    assert relative_error(shared.values, whole.values) < 1e-12
    assert whole.loss == pytest.approx(sum(part.loss for part in parts))
    assert whole.tasks == 4
