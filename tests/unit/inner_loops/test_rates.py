"""How far an inner loop moves: rates, decays and a pull back to φ, against torch's own SGD."""

import pytest
import torch
import torch.nn.functional as F

from phiforge.learning.learners import EVALUATION, Mode
from phiforge.learning.learners.layer_rates import LayerRatesConfig, layer_of
from phiforge.learning.learners.maml import MamlConfig
from phiforge.learning.learners.maml_plus_plus import MamlPlusPlusConfig
from phiforge.learning.learners.meta_sgd import MetaSgdConfig
from phiforge.learning.tensors import without_prefix
from tests.unit.cases import doubles, learner_of, phi_of, task_of
from tests.unit.inner_loops.cases import LAYER, RATE, TRAINING, loop, moved, queries_of, trained_by_torch


@pytest.mark.parametrize("config", [MamlConfig, MetaSgdConfig, LayerRatesConfig, MamlPlusPlusConfig])
def test_all_begin_as_gradient_descent(config):
    # Given learners whose rates have just been drawn up, I expect what torch's own SGD makes of the same start.
    learner, task = loop(config, steps=3), task_of()
    phi = phi_of(learner)
    expected = trained_by_torch(learner, learner.start(phi), task, [RATE] * 3)
    outputs = learner.model.outputs(expected, task.query_x)
    for mode in (EVALUATION, TRAINING, Mode(training=True, progress=1.0)):
        assert torch.allclose(queries_of(learner, phi, task, mode), outputs, rtol=1e-9, atol=1e-9)


def test_layer_rates_decay_weights():
    # Given a decay, I expect torch's own SGD with weight decay.
    learner, task = loop(LayerRatesConfig, steps=3, weight_decay=0.25), task_of()
    phi = phi_of(learner)
    expected = trained_by_torch(learner, learner.start(phi), task, [RATE] * 3, weight_decay=0.25)
    found = queries_of(learner, phi, task)
    assert torch.allclose(found, learner.model.outputs(expected, task.query_x), rtol=1e-9, atol=1e-9)


def test_each_layer_has_a_rate_and_a_decay():
    # Given a network of four convolutions, four normalisations and a head, I expect a scalar of each for each of them,
    phi = phi_of(loop(LayerRatesConfig))
    layers = {*(f"conv{block}" for block in range(4)), *(f"norm{block}" for block in range(4)), "head"}
    for kind in ("rates", "decays"):
        assert without_prefix(kind, phi).keys() == layers
        assert {value.shape for value in without_prefix(kind, phi).values()} == {()}
    # and nothing of a layer whose rate is zero to move.
    learner, task = loop(LayerRatesConfig), task_of()
    path = learner.path(phi | {"rates/conv1": doubles(0.0)}, task.support_x, task.support_y, EVALUATION)
    assert {name for name in path[0] if layer_of(name) == "conv1"} == path[0].keys() - moved(path[0], path[-1])


def test_meta_sgd_has_a_rate_for_each_number():
    # Given rates of zero for a row of the head, and of one for another's, I expect the first to stay.
    learner, task = loop(MetaSgdConfig, steps=1), task_of()
    phi = phi_of(learner)
    assert {name: value.shape for name, value in without_prefix("rates", phi).items()} == {
        name: value.shape for name, value in without_prefix("start", phi).items()
    }
    start, rates = learner.start(phi), phi["rates/head.weight"].clone()
    rates[0], rates[1] = 0, 1
    path = learner.path(phi | {"rates/head.weight": rates}, task.support_x, task.support_y, EVALUATION)
    step = path[1]["head.weight"] - start["head.weight"]
    plain = trained_by_torch(learner, start, task, [1.0])["head.weight"] - start["head.weight"]
    assert step[0].abs().max() == 0
    assert torch.allclose(step[1], plain[1], rtol=1e-9, atol=1e-12)
    assert torch.allclose(step[2:], RATE * plain[2:], rtol=1e-9, atol=1e-12)


def test_maml_plus_plus_has_a_rate_for_each_step():
    # Given rates of two steps, on unseen tasks that get four, I expect the last two to share the second rate.
    config = MamlPlusPlusConfig(inner_steps=2, inner_steps_evaluation=4, network=LAYER)
    learner, task = learner_of(config), task_of()
    phi = phi_of(learner)
    phi |= {name: doubles([0.2, 0.05]) for name in phi if name.startswith("rates/")}
    expected = trained_by_torch(learner, learner.start(phi), task, [0.2, 0.05, 0.05, 0.05])
    found = queries_of(learner, phi, task)
    assert torch.allclose(found, learner.model.outputs(expected, task.query_x), rtol=1e-9, atol=1e-9)
    # If the rates are not learned, I expect none in φ.
    plain = phi_of(loop(MamlPlusPlusConfig, learned_rates=False))
    assert {name.partition("/")[0] for name in plain} == {"start"}


def test_a_pull_back_to_phi():
    # Given MAML with a proximal term, I expect SGD on the support loss plus λ/2 of the squared way from φ.
    learner, task = loop(MamlConfig, steps=4, proximal=3.0), task_of()
    phi = phi_of(learner)
    theta = {name: value.clone().requires_grad_() for name, value in phi.items()}
    sgd = torch.optim.SGD(theta.values(), lr=RATE)
    for _ in range(4):
        sgd.zero_grad()
        away = sum((theta[name] - phi[name]).square().sum() for name in phi)
        (F.cross_entropy(learner.model.outputs(theta, task.support_x), task.support_y) + 1.5 * away).backward()
        sgd.step()
    found = queries_of(learner, phi, task)
    assert torch.allclose(found, learner.model.outputs(theta, task.query_x), rtol=1e-9, atol=1e-9)
