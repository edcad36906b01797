"""Training from scratch learns its support set by plain gradient steps from a seed."""

import pytest
import torch

from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import EVALUATION, TaskShape, build_learner
from phiforge.learning.learners.from_scratch import FromScratchConfig
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.learning.scores.accuracy import accuracy
from phiforge.learning.scores.loss import task_loss
from tests.unit.cases import SHAPE, adapt, task_of
from tests.unit.learners.kinds import TRAINING


@pytest.mark.parametrize("norm", ["batch", "layer", "group"])  # without any, it takes thousands of steps
def test_from_scratch_learns_its_support_set(norm):
    # Given images without any order in them
    config = FromScratchConfig(inner_lr=0.1, inner_steps=150, network=Conv4Config(channels=16, norm=norm))
    task, learner = task_of(dtype=torch.float32), build_learner(config, TaskShape(5, SHAPE))
    # If a network is trained on them, I expect it to have them by heart.
    logits = adapt(learner, {}, task.support_x, task.support_y)(task.support_x)
    assert accuracy(logits, task.support_y).item() == 1.0


def test_from_scratch_depends_on_its_seed_only():
    # Given a model trained from a seed
    learner = build_learner(FromScratchConfig(inner_steps=3), TaskShape(5, SHAPE))
    task = task_of(dtype=torch.float32)

    def logits(phi, mode, seed):
        return adapt(learner, phi, task.support_x, task.support_y, mode, seed)(task.query_x)

    expected = logits({}, EVALUATION, 0)
    # If another φ is given, another mode, or the global generator moved, I expect the same model,
    torch.manual_seed(99)
    assert torch.equal(logits({"conv0.weight": torch.ones(1)}, TRAINING, 0), expected)
    # and another one if the seed is another.
    assert not torch.allclose(logits({}, EVALUATION, 1), expected)


def test_from_scratch_takes_plain_gradient_steps():
    # Given the fresh network that a seed names, if it is trained by torch's own SGD
    config = FromScratchConfig(inner_lr=0.05, inner_steps=4, network=Conv4Config(channels=8))
    learner, task = build_learner(config, TaskShape(5, SHAPE)), task_of()
    theta = {name: value.double().requires_grad_() for name, value in learner.model.init(torch_generator("x")).items()}
    sgd = torch.optim.SGD(theta.values(), lr=0.05)
    for _ in range(4):
        sgd.zero_grad()
        task_loss(learner.model.outputs(theta, task.support_x), task.support_y).backward()
        sgd.step()
    # I expect the same model.
    predict = learner.adapt({}, task.support_x, task.support_y, EVALUATION, torch_generator("x"))
    assert torch.allclose(predict(task.query_x), learner.model.outputs(theta, task.query_x), rtol=1e-9, atol=1e-9)
