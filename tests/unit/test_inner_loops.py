"""Learners that train on a support set: what moves, how far, and what of it is remembered."""

import math
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from phiforge.errors import SpecError
from phiforge.learners import EVALUATION, Mode
from phiforge.learners.anil import AnilConfig
from phiforge.learners.boil import BoilConfig
from phiforge.learners.coordinatewise import preprocess
from phiforge.learners.layer_rates import LayerRatesConfig, layer_of
from phiforge.learners.learned_optimizer import LearnedOptimizerConfig
from phiforge.learners.leo import LeoConfig
from phiforge.learners.maml import MamlConfig
from phiforge.learners.maml_plus_plus import MamlPlusPlusConfig, step_weights
from phiforge.learners.meta_lstm import MetaLstmConfig
from phiforge.learners.meta_sgd import MetaSgdConfig
from phiforge.networks.conv4 import Conv4Config
from phiforge.networks.normalisation import is_statistic, mean_statistics
from phiforge.spec.read import parse_spec
from phiforge.tensors import with_prefix, without_prefix
from tests.unit.cases import adapt, doubles, learner_of, outcome_of, phi_of, task_of

HEAD = {"head.weight", "head.bias"}
TRAINING = Mode(training=True)
RATE = 0.125
"""The same in every type."""
LAYER = Conv4Config(channels=8, norm="layer")
PER_STEP = Conv4Config(channels=8, norm="per_step")


def loop(config, steps=2, network=LAYER, **settings):
    """A learner of an inner loop of that many steps, in meta-training and on unseen tasks."""
    return learner_of(
        config(inner_lr=RATE, inner_steps=steps, inner_steps_evaluation=steps, network=network, **settings)
    )


def moved(before, after):
    return {name for name in before if not torch.equal(before[name], after[name])}


def queries_of(learner, phi, task, mode=EVALUATION):
    return adapt(learner, phi, task.support_x, task.support_y, mode)(task.query_x)


def trained_by_torch(learner, start, task, rates, **settings):
    """What torch's own SGD makes of ``start``, a step for each of ``rates``."""
    theta = {name: value.clone().requires_grad_() for name, value in start.items()}
    sgd = torch.optim.SGD(theta.values(), lr=1.0, **settings)
    for rate in rates:
        sgd.param_groups[0]["lr"] = rate
        sgd.zero_grad()
        F.cross_entropy(learner.model.outputs(theta, task.support_x), task.support_y).backward()
        sgd.step()
    return {name: value.detach() for name, value in theta.items()}


# What moves


@pytest.mark.parametrize("mode", [TRAINING, EVALUATION], ids=["training", "unseen"])
@pytest.mark.parametrize("network", [LAYER, Conv4Config(channels=8, norm="running"), PER_STEP], ids=lambda n: n.norm)
@pytest.mark.parametrize("config", [AnilConfig, BoilConfig, MamlConfig, MamlPlusPlusConfig, MetaSgdConfig])
def test_what_an_inner_loop_moves(config, network, mode):
    # Given a network and its inner loop
    learner, task = loop(config, network=network), task_of()
    phi = phi_of(learner)
    path = learner.path(phi, task.support_x, task.support_y, mode)
    # I expect its start, a copy of it after each step, no averages changed, nor the normalisation of single steps,
    assert len(path) == 3
    still = {name for name in path[0] if is_statistic(name) or (network.norm == "per_step" and name.startswith("norm"))}
    expected = {AnilConfig: HEAD, BoilConfig: path[0].keys() - HEAD}.get(config, path[0].keys()) - still
    for before, after in pairwise(path):
        # and the rest to move: of ANIL the head alone, of BOIL the body alone, of others all.
        assert moved(before, after) == expected
        assert before.keys() == after.keys()
    assert {name for name in path[0] if learner.moves(name)} == expected


@pytest.mark.parametrize("estimator", ["reptile", "implicit"])
def test_estimators_that_need_all_of_phi_to_move(estimator):
    # Given an inner loop that leaves the normalisation of single steps alone, I expect them to refuse it.
    learner = {"name": "maml", "proximal": 1.0, "network": {"name": "conv4", "norm": "per_step"}}
    with pytest.raises(SpecError, match=r"estimator\.name"):
        parse_spec({"learner": learner, "estimator": {"name": estimator}})


# How far


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


# The loss of every step


@given(st.integers(1, 20), st.floats(0, 1))
def test_step_weights(steps, progress):
    # Given any number of steps at any time, I expect weights that sum to one, the last the largest,
    weights = step_weights(steps, progress)
    assert len(weights) == steps
    assert sum(weights) == pytest.approx(1)
    assert max(weights) == pytest.approx(weights[-1])
    assert min(weights) >= min(0.03 / steps, weights[-1])
    # equal at the start, the last nearly all there is at the end.
    assert step_weights(steps, 0.0) == pytest.approx([1 / steps] * steps)
    assert step_weights(steps, 1.0)[:-1] == pytest.approx([0.03 / steps] * (steps - 1))
    # As time goes by, the last never counts less.
    assert step_weights(steps, min(1.0, progress + 0.1))[-1] >= weights[-1] - 1e-12


def test_the_loss_of_every_step_counts_at_first():
    # Given MAML++ of three steps that weighs the loss of every step over half of the run
    learner, task = loop(MamlPlusPlusConfig, steps=3, multi_step_until=0.5), task_of()
    phi = phi_of(learner)
    start, rates = learner.start(phi), phi["rates/head.bias"].tolist()
    after = [trained_by_torch(learner, start, task, rates[:steps]) for steps in (1, 2, 3)]
    losses = [F.cross_entropy(learner.model.outputs(theta, task.query_x), task.query_y).item() for theta in after]
    # I expect their mean at first, then less of the early ones, then the last loss alone,
    for progress, weights in (
        (0.0, [1 / 3, 1 / 3, 1 / 3]),
        (0.25, [1 / 6, 1 / 6, 4 / 6]),
        (0.4999999, [0.01, 0.01, 0.98]),
        (0.5, [0, 0, 1]),
        (1.0, [0, 0, 1]),
    ):
        found = outcome_of(learner, phi, task, Mode(training=True, progress=progress))
        expected = sum(weight * loss for weight, loss in zip(weights, losses, strict=True))
        assert found.loss.item() == pytest.approx(expected, rel=1e-6)
        # and the accuracy of the last step always.
        assert found.accuracy == outcome_of(learner, phi, task).accuracy
    # On unseen tasks only the last counts, whatever the time.
    assert outcome_of(learner, phi, task).loss.item() == pytest.approx(losses[-1])


# What is remembered


@pytest.mark.parametrize("config", [MamlConfig, MetaSgdConfig, MamlPlusPlusConfig])
@pytest.mark.parametrize("norm", ["running", "per_step"])
def test_what_meta_training_notes(norm, config):
    # Given an inner loop of two steps on a network that keeps averages
    learner, task = loop(config, network=Conv4Config(channels=8, norm=norm)), task_of()
    phi, mode = phi_of(learner), Mode(training=True, progress=1.0)
    queries_of(learner, phi, task, mode)
    # I expect the pass over the queries, after the last step, to be noted of every layer,
    assert mode.noted.keys() == {name for name in phi if is_statistic(name)}
    assert {tuple(step for step, _ in values) for values in mode.noted.values()} == {(2,)}
    # in a shape that φ can take, and nothing on unseen tasks.
    means = mean_statistics(phi, mode.noted)
    assert {name: value.shape for name, value in means.items()} == {name: phi[name].shape for name in means}
    assert not moved(means, phi) - means.keys()
    queries_of(learner, phi, task)
    assert EVALUATION.noted == {}
    # With the averages of this very task's passes, I expect an unseen task to be normalised otherwise.
    assert not torch.allclose(queries_of(learner, phi | means, task), queries_of(learner, phi, task))


def test_queries_of_every_step_are_normalised_by_their_step():
    # Given MAML++ at its first version, when the loss of every step counts
    learner, task, mode = loop(MamlPlusPlusConfig, network=PER_STEP), task_of(), Mode(training=True)
    outcome_of(learner, phi_of(learner), task, mode)
    # I expect the passes over the queries to be noted after each step.
    assert {tuple(step for step, _ in values) for values in mode.noted.values()} == {(1, 2)}


@pytest.mark.parametrize("config", [MamlConfig, MetaSgdConfig, MamlPlusPlusConfig])
@pytest.mark.parametrize("norm", ["running", "per_step"])
def test_unseen_tasks_are_learned_as_in_meta_training(norm, config):
    # Given an inner loop on a network that keeps averages
    learner, task = loop(config, network=Conv4Config(channels=8, norm=norm)), task_of()
    phi = phi_of(learner)
    # I expect as many steps on an unseen task to end at the same parameters as in meta-training,
    paths = [learner.path(phi, task.support_x, task.support_y, mode) for mode in (Mode(training=True), EVALUATION)]
    steps = min(map(len, paths))
    assert all(torch.equal(paths[0][steps - 1][name], paths[1][steps - 1][name]) for name in paths[0][0])
    # and its queries to be predicted one by one: they are normalised by the averages alone.
    predict = adapt(learner, phi, task.support_x, task.support_y)
    assert torch.allclose(predict(task.query_x)[:1], predict(task.query_x[:1]))


# Learned optimisers


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


# LEO


def leo(**settings):
    return learner_of(LeoConfig(latent=4, latent_steps=2, finetuning_steps=2, network=LAYER, **settings))


def test_leo_draws_in_training_only():
    # Given codes and weights that are drawn in meta-training, I expect the means of both on unseen tasks.
    learner, task = leo(), task_of()
    phi = phi_of(learner)
    first, other = (outcome_of(learner, phi, task, seed=seed).loss for seed in (0, 1))
    assert torch.equal(first, other)
    first, again, other = (outcome_of(learner, phi, task, TRAINING, seed).loss for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_what_leo_pays_for_in_training():
    # Given a task, without penalties I expect the query loss of the model itself,
    free, task = leo(kl_weight=0, encoder_weight=0), task_of()
    phi = phi_of(free)
    plain = outcome_of(free, phi, task, TRAINING).loss
    logits = queries_of(free, phi, task, TRAINING)
    assert plain.item() == pytest.approx(F.cross_entropy(logits, task.query_y).item(), rel=1e-9)
    # with them more, in proportion to each, and on unseen tasks nothing.
    for name in ("kl_weight", "encoder_weight"):
        weights = {"kl_weight": 0.0, "encoder_weight": 0.0}
        one, two = (outcome_of(leo(**weights | {name: w}), phi, task, TRAINING).loss - plain for w in (1.0, 2.0))
        assert one > 0
        assert two.item() == pytest.approx(2 * one.item())
        unseen = outcome_of(leo(**weights | {name: 5.0}), phi, task).loss
        assert torch.equal(unseen, outcome_of(free, phi, task).loss)


def test_leo_learns_its_support_set_by_more_steps():
    # Given steps in the code and in the weights, I expect each to make the support loss smaller.
    task, losses = task_of(), []
    for latent_steps, finetuning_steps in ((1, 0), (5, 0), (5, 5)):
        settings = {"latent_lr": 0.1, "finetuning_lr": 0.1, "network": LAYER}
        learner = learner_of(LeoConfig(latent_steps=latent_steps, finetuning_steps=finetuning_steps, **settings))
        predict = adapt(learner, phi_of(learner), task.support_x, task.support_y)
        losses.append(F.cross_entropy(predict(task.support_x), task.support_y).item())
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > losses[1] > losses[2]
