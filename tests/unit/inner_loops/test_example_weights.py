"""Weights of support examples: what they are made of, who is trusted, and what of them reaches φ."""

from dataclasses import replace

import pytest
import torch

from phiforge.base.errors import TaskError
from phiforge.learning.learners import EVALUATION, Mode
from phiforge.learning.learners.bases.weighted import Seen
from phiforge.learning.learners.learning_to_reweight import LearningToReweightConfig, agreements
from phiforge.learning.learners.maml import MamlConfig
from phiforge.learning.learners.meta_weight_net import MetaWeightNetConfig
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.learning.networks.mlp import MlpConfig
from phiforge.learning.tensors import without_prefix
from tests.unit.cases import adapt, doubles, learner_of, outcome_of, random_of, task_of

LOOP = {"inner_lr": 0.1, "inner_steps": 3, "inner_steps_evaluation": 3}
NETWORK = Conv4Config(channels=8, norm="layer")


def phi_of(learner):
    return {name: value.double() for name, value in learner.init_phi(torch.Generator().manual_seed(0)).items()}


def test_at_first_a_meta_weight_net_is_maml():
    # Given a fresh φ, whose V is the same for every loss
    learner = learner_of(MetaWeightNetConfig(**LOOP, network=NETWORK))
    phi, task = phi_of(learner), task_of(k_shot=3)
    plain = learner_of(MamlConfig(**LOOP, network=NETWORK))
    # I expect every example to count alike, and MAML's model.
    for weights in learner.weights_by_step(phi, task.support_x, task.support_y):
        assert torch.allclose(weights, torch.full_like(weights, 1 / 15))
    found = adapt(learner, phi, task.support_x, task.support_y)(task.query_x)
    expected = adapt(plain, without_prefix("start", phi), task.support_x, task.support_y)(task.query_x)
    assert torch.allclose(found, expected, atol=1e-12)


def test_v_by_hand():
    # Given V with one hidden unit, relu(2 ℓ - 1), and the logit -3 times that plus 1
    learner = learner_of(MetaWeightNetConfig(**LOOP, hidden=1, network=NETWORK))
    phi = {"hidden.weight": [[2.0]], "hidden.bias": [-1.0], "output.weight": [[-3.0]], "output.bias": [1.0]}
    phi = {f"weighting/{name}": doubles(value) for name, value in phi.items()}
    # I expect of losses 0, 1 and 2 the weights of logits 1, -2 and -8.
    weights = learner.weights(phi, Seen(doubles([0.0, 1.0, 2.0]), torch.tensor([0, 1, 2]), {}), EVALUATION)
    values = doubles([1.0, -2.0, -8.0]).sigmoid()
    assert torch.allclose(weights, values / values.sum(), atol=1e-12)
    # If all of them fade to nothing, I expect numbers all the same.
    phi["weighting/output.bias"] = doubles([-1e5])
    faded = learner.weights(phi, Seen(doubles([0.0, 1.0]), torch.tensor([0, 1]), {}), EVALUATION)
    assert torch.allclose(faded.sum(), doubles(1.0))


@pytest.mark.parametrize("second_order", [True, False])
def test_v_is_learned_in_either_order(second_order):
    # Given a V that is not the same for every loss
    learner = learner_of(MetaWeightNetConfig(**LOOP, hidden=4, network=NETWORK))
    phi = phi_of(learner) | {"weighting/output.weight": random_of(1, 4)}
    leaves = {name: value.requires_grad_() for name, value in phi.items()}
    # I expect the query loss to have a slope in all of it.
    loss = outcome_of(learner, leaves, task_of(k_shot=3), Mode(training=True, second_order=second_order)).loss
    names = [name for name in leaves if name.startswith("weighting/")]
    slopes = torch.autograd.grad(loss, [leaves[name] for name in names], allow_unused=True)
    assert len(names) == 4
    # The bias of the last layer, as it moves every weight alike, has the least.
    assert all(slope is not None and slope.abs().max() > 1e-9 for slope in slopes)


def clusters(wrong, k_shot=4):
    """A task of three classes, each a pattern and little noise, of which the example ``wrong`` has the label 1."""
    patterns = random_of(3, 1, 16, 16, seed=5).repeat_interleave(k_shot, dim=0)
    labels = torch.arange(3).repeat_interleave(k_shot)
    task = task_of(n_way=3, k_shot=k_shot)
    support_x = patterns + 0.05 * random_of(3 * k_shot, 1, 16, 16, seed=6)
    labels[wrong] = 1
    return replace(task, support_x=support_x, support_y=labels)


def test_what_contradicts_the_trusted_counts_for_less():
    # Given a task whose last example of class 0 is said to be of class 1, and one trusted example of each class
    learner = learner_of(LearningToReweightConfig(**LOOP, network=MlpConfig()), n_way=3)
    task = clusters(wrong=3)
    for weights in learner.weights_by_step(phi_of(learner), task.support_x, task.support_y):
        # I expect weights that are not negative and sum to 1, and less for that example than for the rest of its class.
        assert weights.min() >= 0
        assert torch.allclose(weights.sum(), doubles(1.0))
        assert weights[3] < weights[:3].min()


def test_agreements_by_hand():
    # Given losses that are linear in two tensors, so that the rows of a matrix are their gradients
    rows = random_of(5, 4) - 0.5
    first, second = (random_of(2, seed=seed).requires_grad_() for seed in (1, 2))
    losses = rows @ torch.cat([first, second])
    share = doubles([0.5, 0.5, 0, 0, 0])
    # I expect the products of each gradient with that of the share.
    found = agreements(losses, [first, second], share, keep_graph=False)
    assert torch.allclose(found, rows @ (rows.T @ share), atol=1e-12)
    assert not found.requires_grad


def test_the_first_of_each_class_are_trusted():
    # Given labels in any order, I expect the first two of each to be trusted.
    learner = learner_of(LearningToReweightConfig(trusted=2, network=NETWORK), n_way=3)
    trusted = learner._trusted(torch.tensor([2, 0, 2, 2, 1, 0, 0, 1, 1]))
    assert trusted.tolist() == [True, True, True, False, True, True, False, True, False]


def test_too_few_to_trust():
    # Given a class with fewer examples than are trusted, I expect to be told how many it has.
    learner = learner_of(LearningToReweightConfig(**LOOP, trusted=2, network=NETWORK), n_way=3)
    task = clusters(wrong=[1, 2, 3])
    with pytest.raises(TaskError, match=r"trusts the first 2 examples of each class, but a class .* has 1: give"):
        adapt(learner, phi_of(learner), task.support_x, task.support_y)


def test_no_step_helps():
    # Given a start at which no loss has a slope, I expect weights of nought and no division by it.
    learner = learner_of(LearningToReweightConfig(**LOOP, network=NETWORK), n_way=3)
    point = doubles([1.0]).requires_grad_()
    seen = Seen((point * 0).expand(3), torch.arange(3), {"point": point})
    assert learner.weights({}, seen, EVALUATION).tolist() == [0, 0, 0]
