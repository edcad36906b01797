"""Optimisers that are learned: what goes in, and what they do with outputs set by hand."""

import math

import torch

from phiforge.learning.learners import EVALUATION
from phiforge.learning.learners.bases.coordinatewise import preprocess
from phiforge.learning.learners.learned_optimizer import LearnedOptimizerConfig
from phiforge.learning.learners.maml import MamlConfig
from phiforge.learning.learners.meta_lstm import MetaLstmConfig
from phiforge.learning.tensors import with_prefix, without_prefix
from tests.unit.cases import adapt, doubles, phi_of, task_of
from tests.unit.inner_loops.cases import RATE, loop, queries_of, trained_by_torch


def test_preprocessing_by_hand():
    # Given gradients above and below e^-10 (Andrychowicz et al. 2016, appendix A)
    slope = doubles([[math.e, -(math.e**-5)], [math.e**-11, -(math.e**-12)], [0.0, 1.0]])
    # I expect the logarithm and the sign of the large, a mark and the scaled value of the small.
    expected = [[0.1, 1], [-0.5, -1], [-1, math.e**-1], [-1, -(math.e**-2)], [-1, 0], [0, 1]]
    assert torch.allclose(preprocess(slope), doubles(expected), rtol=1e-12, atol=1e-15)


def test_an_optimiser_that_puts_out_nothing():
    # Given a learned optimiser whose last layer is zero, I expect the start as it was.
    learner, task = loop(LearnedOptimizerConfig, units=4), task_of()
    phi = phi_of(learner)
    phi |= {name: torch.zeros_like(phi[name]) for name in ("optimizer/out.weight", "optimizer/out.bias")}
    start = learner.model.outputs(without_prefix("start", phi), task.query_x)
    assert torch.equal(queries_of(learner, phi, task), start)
    # If it always puts out -2, I expect every number to go down by 2 · RATE at each of two steps.
    phi["optimizer/out.bias"] = doubles([-2.0])
    lower = {name: value - 4 * RATE for name, value in without_prefix("start", phi).items()}
    found = queries_of(learner, phi, task)
    assert torch.allclose(found, learner.model.outputs(lower, task.query_x), rtol=1e-9, atol=1e-9)


def test_a_start_that_is_not_learned():
    # Given an optimiser without a start of its own, I expect φ to be the optimiser, and each task to draw its start.
    learner, task = loop(LearnedOptimizerConfig, units=4, learn_start=False), task_of()
    phi = phi_of(learner)
    assert {name.partition("/")[0] for name in phi} == {"optimizer"}
    first, again, other = (
        adapt(learner, phi, task.support_x, task.support_y, seed=seed)(task.query_x) for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_gates_that_are_wide_open():
    # Given a Meta-LSTM that forgets nothing and steps by an eighth, I expect gradient descent.
    learner, task = loop(MetaLstmConfig, steps=3, units=4), task_of()
    phi = phi_of(learner)
    phi |= {name: torch.zeros_like(phi[name]) for name in ("optimizer/step.weight", "optimizer/forget.weight")}
    phi |= {"optimizer/step.bias": doubles([math.log(RATE / (1 - RATE))]), "optimizer/forget.bias": doubles([50.0])}
    expected = trained_by_torch(learner, without_prefix("start", phi), task, [RATE] * 3)
    found = queries_of(learner, phi, task)
    assert torch.allclose(found, learner.model.outputs(expected, task.query_x), rtol=1e-9, atol=1e-9)
    # If it steps nowhere and forgets half, I expect an eighth of the start after three steps.
    phi |= {"optimizer/step.bias": doubles([-80.0]), "optimizer/forget.bias": doubles([0.0])}
    eighth = {name: value / 8 for name, value in without_prefix("start", phi).items()}
    found = queries_of(learner, phi, task)
    assert torch.allclose(found, learner.model.outputs(eighth, task.query_x), rtol=1e-9, atol=1e-9)


def test_fresh_gates_are_near_gradient_descent():
    # Given a fresh Meta-LSTM, I expect what MAML does with the same start and rate, nearly.
    learner, task = loop(MetaLstmConfig, steps=1, units=4), task_of()
    phi = phi_of(learner)
    start = without_prefix("start", phi)
    path = loop(MamlConfig, steps=1).path(start, task.support_x, task.support_y, EVALUATION)
    expected = learner.model.outputs(path[-1], task.query_x)
    assert torch.allclose(queries_of(learner, phi, task), expected, rtol=0, atol=0.05)
    assert with_prefix("start", start).keys() == {name for name in phi if name.startswith("start/")}
