"""Batch normalisation with a prior: by hand, at both ends of how much it counts, and what no inner loop moves."""

import math

import pytest
import torch

from phiforge.learning.learners import EVALUATION, Mode
from phiforge.learning.learners.from_scratch import FromScratchConfig, trained
from phiforge.learning.learners.hyperparameters import HyperparametersConfig
from phiforge.learning.learners.learned_optimizer import LearnedOptimizerConfig
from phiforge.learning.learners.maml import MamlConfig
from phiforge.learning.learners.meta_lstm import MetaLstmConfig
from phiforge.learning.networks.bases.normalisation import normalise
from phiforge.learning.networks.bases.prior import init_prior, is_prior
from phiforge.learning.networks.conv4 import Conv4Config
from tests.unit.cases import doubles, learner_of, phi_of, task_of
from tests.unit.inner_loops.cases import TRAINING, loop, moved
from tests.unit.networks.cases import normalised, random_of

PRIOR = Conv4Config(channels=8, norm="prior")
SECOND_ORDER = Mode(training=True, second_order=True)


def with_prior(x, weight, bias, mean, var, count):
    entries = {"norm.weight": weight, "norm.bias": bias, "norm.prior_mean": mean, "norm.prior_log_var": var.log()}
    return normalise("prior", x, entries | {"norm.prior_log_count": doubles(count).log()}, "norm", TRAINING.at(0))


def test_by_hand():
    # Given two images that hold 1 and 3, 5 and 7 (mean 4, variance 5), a prior of mean 10 and variance 2 that counts
    # as six examples: together mean (2 * 4 + 6 * 10) / 8 = 8.5 and variance (2 * 5 + 6 * 2) / 8 = 2.75.
    x = doubles([1.0, 3.0, 5.0, 7.0]).reshape(2, 1, 1, 2)
    found = with_prior(x, doubles([2.0]), doubles([1.0]), doubles([10.0]), doubles([2.0]), 6.0)
    expected = [1 + 2 * (each - 8.5) / math.sqrt(2.75 + 1e-5) for each in (1, 3, 5, 7)]
    assert found.flatten().tolist() == pytest.approx(expected, rel=1e-9)


def test_both_ends():
    # Given a prior that counts as next to nothing, I expect batch normalisation; as very much, the prior's alone.
    x, weight, bias = random_of(4, 8, 3, 3), random_of(8, seed=1), random_of(8, seed=2)
    mean, var = random_of(8, seed=3), random_of(8, seed=4).square() + 0.1
    batch = normalised("batch", x, weight, bias)
    assert torch.allclose(with_prior(x, weight, bias, mean, var, 1e-14), batch, rtol=1e-9, atol=1e-9)
    usual = normalised("running", x, weight, bias, EVALUATION.at(0), mean=mean, var=var)
    assert torch.allclose(with_prior(x, weight, bias, mean, var, 1e14), usual, rtol=1e-9, atol=1e-9)


def test_it_is_learned_and_not_moved():
    # Given MAML on such a network, I expect its prior in φ, as it begins, and all but it to move in the inner loop.
    learner, task = loop(MamlConfig, network=PRIOR), task_of()
    phi = phi_of(learner)
    held = {name for name in phi if is_prior(name)}
    assert held == {name for block in range(4) for name in init_prior(f"norm{block}", 8)}
    path = learner.path(phi, task.support_x, task.support_y, EVALUATION)
    assert moved(path[0], path[-1]) == phi.keys() - held


@pytest.mark.parametrize("config", [LearnedOptimizerConfig, MetaLstmConfig])
def test_no_learned_update_moves_it(config):
    # Given a learned optimiser of such a network, I expect all but the prior to move, and a slope in the prior.
    learner, task = loop(config, network=PRIOR, units=4), task_of()
    phi = {name: value.requires_grad_() for name, value in phi_of(learner).items()}
    path = learner._path([phi], task.support_x, task.support_y, SECOND_ORDER, _drawn())
    assert moved(path[0], path[-1]) == {name for name in path[0] if not is_prior(name)}
    learner.query_outcome(phi, task, SECOND_ORDER, _drawn()).loss.backward()
    assert all(bool(value.grad.any()) for name, value in phi.items() if is_prior(name))


def test_training_from_scratch_moves_it_neither():
    # Given a fresh network, if it is trained on a support set, I expect its prior as it was drawn.
    learner, task = learner_of(FromScratchConfig(network=PRIOR)), task_of()
    fresh = {name: value.double() for name, value in learner.model.init(_drawn()).items()}
    theta = trained(learner.model, fresh, task.support_x, task.support_y, rate=0.1, steps=2)
    assert moved(fresh, theta) == {name for name in fresh if not is_prior(name)}


def test_it_is_a_hyperparameter():
    # Given hyper-parameters as φ, I expect the prior among them, no weights, and a slope of the loss in each entry.
    learner, task = loop(HyperparametersConfig, network=PRIOR), task_of()
    phi = phi_of(learner)
    assert {name.partition("/")[0] for name in phi} == {"log_rates", "log_decays", "smoothing", "start"}
    assert all(is_prior(name) for name in phi if name.startswith("start/"))
    leaves = {name: value.requires_grad_() for name, value in phi.items()}
    loss = learner.query_outcome(leaves, task, SECOND_ORDER, _drawn()).loss
    loss.backward()
    assert all(bool(value.grad.any()) for value in leaves.values())


def _drawn():
    return torch.Generator().manual_seed(0)
