"""MAML's inner steps by hand, and against torch's own SGD."""

import torch

from phiforge.learning.learners import EVALUATION, Mode, TaskShape, build_learner
from phiforge.learning.learners.maml import MamlConfig
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.learning.scores.loss import task_loss
from tests.unit.cases import FLAT, SHAPE, adapt, constant_images, doubles, identity_phi, phi_of, task_of


def test_maml_inner_step_by_hand():
    # Given a head of zeros, so that the first step moves the head alone, and greys 1 and 3 of classes 0 and 1
    learner = build_learner(MamlConfig(inner_lr=0.5, inner_steps=1, network=FLAT), TaskShape(2, SHAPE))
    phi = identity_phi() | {"head.weight": doubles([[0.0], [0.0]]), "head.bias": doubles([0.0, 0.0])}
    predict = adapt(learner, phi, constant_images(1, 3), torch.tensor([0, 1]), Mode(training=True))
    # If the loss is the mean cross-entropy of two even chances, its gradient is Σ (1/2 - [label]) grey / 2:
    # (-1/2 · 1 + 1/2 · 3) / 2 = 1/2 for the first weight, minus that for the second, and 0 for the biases.
    # I expect weights -1/4 and 1/4.
    logits = predict(constant_images(1, 4, 0))
    assert logits.tolist() == [[-0.25, 0.25], [-1.0, 1.0], [0.0, 0.0]]


def test_maml_works_where_gradients_are_off():
    # Given that step in a place where gradients are off, as in evaluation
    config = MamlConfig(inner_lr=0.5, inner_steps_evaluation=1, network=FLAT)
    learner = build_learner(config, TaskShape(2, SHAPE))
    phi = identity_phi() | {"head.weight": doubles([[0.0], [0.0]]), "head.bias": doubles([0.0, 0.0])}
    with torch.no_grad():
        logits = adapt(learner, phi, constant_images(1, 3), torch.tensor([0, 1]))(constant_images(1, 4, 0))
    # I expect the same, and φ to be untouched.
    assert logits.tolist() == [[-0.25, 0.25], [-1.0, 1.0], [0.0, 0.0]]
    assert phi["head.weight"].tolist() == [[0.0], [0.0]]
    assert not any(value.requires_grad for value in phi.values())


def test_maml_takes_more_steps_on_unseen_tasks():
    # Given two steps in training and four in evaluation
    config = MamlConfig(inner_lr=0.1, inner_steps=2, inner_steps_evaluation=4, network=Conv4Config(channels=8))
    learner, task = build_learner(config, TaskShape(5, SHAPE)), task_of()
    phi = phi_of(learner)
    # I expect what as many steps of torch's own SGD give.
    for mode, steps in ((Mode(training=True), 2), (EVALUATION, 4)):
        theta = {name: value.clone().requires_grad_() for name, value in phi.items()}
        sgd = torch.optim.SGD(theta.values(), lr=0.1)
        for _ in range(steps):
            sgd.zero_grad()
            task_loss(learner.model.outputs(theta, task.support_x), task.support_y).backward()
            sgd.step()
        found = adapt(learner, phi, task.support_x, task.support_y, mode)(task.query_x)
        assert torch.allclose(found, learner.model.outputs(theta, task.query_x), rtol=1e-9, atol=1e-9)
