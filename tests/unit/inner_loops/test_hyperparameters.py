"""Hyper-parameters as φ alone: what they do to a fresh network, against torch's own SGD and cross-entropy."""

import math

import pytest
import torch
import torch.nn.functional as F

from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import EVALUATION
from phiforge.learning.learners.hyperparameters import HyperparametersConfig, in_words, smoothed_loss
from phiforge.learning.learners.learned_optimizer import LearnedOptimizerConfig
from phiforge.spec.read import parse_spec
from tests.unit.cases import doubles, learner_of, phi_of, random_of, regression_of, task_of
from tests.unit.inner_loops.cases import LAYER, RATE, TRAINING, loop, queries_of
from tests.unit.spec.cases import problems_of

MLP = {"name": "mlp"}


def trained(learner, task, rate, decay, smoothing, steps):
    """What torch's own SGD makes of the θ⁰ that is drawn for a task."""
    drawn = learner.model.init(torch_generator("learner", 0))
    theta = {name: value.double().requires_grad_() for name, value in drawn.items()}
    sgd = torch.optim.SGD(theta.values(), lr=rate, weight_decay=decay)
    for _ in range(steps):
        sgd.zero_grad()
        outputs = learner.model.outputs(theta, task.support_x)
        F.cross_entropy(outputs, task.support_y, label_smoothing=smoothing).backward()
        sgd.step()
    return learner.model.outputs(theta, task.query_x)


@pytest.mark.parametrize("learned", [("rates", "weight_decay", "label_smoothing"), ("rates",), ("label_smoothing",)])
def test_a_fresh_network_learns_as_they_say(learned):
    # Given a rate, a decay and a smoothing, of which some are φ and the others are set
    settings = {"weight_decay": 0.25, "label_smoothing": 0.2, "learned": learned}
    learner, task = loop(HyperparametersConfig, steps=3, **settings), task_of()
    # I expect what torch's own SGD makes of the network that is drawn for the task, in both modes.
    expected = trained(learner, task, RATE, 0.25, 0.2, 3)
    for mode in (EVALUATION, TRAINING):
        found = queries_of(learner, phi_of(learner), task, mode)
        assert torch.allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_phi_holds_them_and_no_weights():
    # Given a φ of each kind, I expect one number of each, or one a layer, and weights only if they are learned.
    assert phi_of(loop(HyperparametersConfig)).keys() == {"log_rates/all", "log_decays/all", "smoothing/logit"}
    layers = phi_of(loop(HyperparametersConfig, per="layer", learned=("weight_decay",)))
    assert layers.keys() == {f"log_decays/{layer}{block}" for layer in ("conv", "norm") for block in range(4)} | {
        "log_decays/head"
    }
    started = phi_of(loop(HyperparametersConfig, learn_start=True))
    assert {name.partition("/")[0] for name in started} == {"start", "log_rates", "log_decays", "smoothing"}


def test_each_layer_may_have_its_own():
    # Given rates of nought but for the head's, if a task is learned
    learner, task = loop(HyperparametersConfig, per="layer", learn_start=True), task_of()
    phi = phi_of(learner)
    still = {name: doubles(-math.inf) for name in phi if name.startswith("log_rates/") and not name.endswith("head")}
    path = learner.path(phi | still, task.support_x, task.support_y, EVALUATION)
    # I expect nothing else to move.
    assert {name for name in path[0] if not torch.equal(path[0][name], path[-1][name])} == {"head.weight", "head.bias"}


def test_another_task_has_another_start():
    # Given two seeds, I expect other networks of one φ, and of one seed the same.
    learner, task = loop(HyperparametersConfig), task_of()
    phi = phi_of(learner)
    first, again, other = (
        learner.adapt(phi, task.support_x, task.support_y, EVALUATION, torch_generator(seed))(task.query_x)
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
def test_smoothed_labels(smoothing):
    # Given logits and a smoothing, I expect torch's own cross-entropy of it, and a slope in the smoothing.
    logits, labels = random_of(6, 4) * 3, torch.tensor([0, 1, 2, 3, 0, 1])
    share = doubles(smoothing).requires_grad_()
    found = smoothed_loss(logits, labels, share)
    assert torch.allclose(found, F.cross_entropy(logits, labels, label_smoothing=smoothing))
    found.backward()
    ends = [F.cross_entropy(logits, labels, label_smoothing=each) for each in (0.0, 1.0)]
    assert torch.allclose(share.grad, ends[1] - ends[0])


def test_values_have_no_smoothing():
    # Given a regression, I expect no smoothing in φ, and a finite prediction.
    config = HyperparametersConfig(network=MLP, inner_steps=2)
    learner, task = learner_of(config, n_way=1, shape=(1,), regression=True), regression_of()
    phi = phi_of(learner)
    assert phi.keys() == {"log_rates/all", "log_decays/all"}
    assert queries_of(learner, phi, task).isfinite().all()


def test_unseen_tasks_keep_no_graph():
    # Given a start that is drawn, if a task is learned to be looked at, I expect nothing kept to go back through.
    for config, settings in ((HyperparametersConfig, {}), (LearnedOptimizerConfig, {"learn_start": False})):
        learner, task = loop(config, **settings), task_of()
        assert not queries_of(learner, phi_of(learner), task).requires_grad


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"data": {"name": "sinusoid"}}, "learner.learned: 'label_smoothing' alone is of labels; allowed for values"),
        (
            {"estimator": {"name": "first_order"}},
            "estimator.name: learner 'hyperparameters' that learns 'label_smoothing' alone never moves by it",
        ),
    ],
)
def test_a_smoothing_that_nothing_could_move(changes, problem):
    # Given a label smoothing as all of φ, where there are no labels, or its gradient is left out, I expect a refusal,
    raw = {"task": {"n_way": 1}} if "data" in changes else {}
    learner = {"name": "hyperparameters", "learned": ["label_smoothing"]}
    learner |= {"network": MLP} if "data" in changes else {}
    [said] = problems_of({**raw, **changes, "learner": learner})
    assert said.startswith(problem)
    # and none if there is more to learn.
    for more in ({"learned": ["label_smoothing", "rates"]}, {"learn_start": True}):
        assert parse_spec({**raw, **changes, "learner": learner | more})


def test_kinds_are_named_once():
    [said] = problems_of({"learner": {"name": "hyperparameters", "learned": ["rates", "rates"]}})
    assert said.startswith("learner.learned: ")
    assert "each may be named once" in said


def test_in_words():
    # Given φ as it begins, I expect the settings that it began from, by layer if layers have their own.
    settings = {"weight_decay": 0.25, "label_smoothing": 0.2}
    found = in_words(phi_of(loop(HyperparametersConfig, **settings)))
    assert found == pytest.approx({"inner_lr": RATE, **settings}, rel=1e-6)
    layers = in_words(phi_of(learner_of(HyperparametersConfig(inner_lr=RATE, per="layer", network=LAYER))))
    assert layers["inner_lr/head"] == pytest.approx(RATE)
