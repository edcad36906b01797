"""The outcome of a task: its loss and accuracy, of classes or values, and the probability of choices."""

import pytest
import torch

from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import EVALUATION, LEARNERS, Mode
from phiforge.learning.scores.accuracy import TOLERANCE, accuracy
from phiforge.learning.scores.loss import task_loss
from tests.unit.cases import adapt, learner_of, outcome_of, phi_of, regression_of, task_of
from tests.unit.learners.kinds import CONFIGS, OF_EACH_KIND, SETTINGS, TRAINING, config_of, named


@pytest.mark.parametrize("name", sorted(name for name, each in LEARNERS.items() if each.regresses))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_learners_that_regress(name, dtype):
    # Given a line to be learned, I expect one value for each x, and the loss to be the mean squared error,
    learner = learner_of(config_of(name, **SETTINGS[name], network={"name": "mlp"}), 1, (1,), regression=True)
    phi, task = phi_of(learner, dtype), regression_of(dtype=dtype)
    outcome, values = outcome_of(learner, phi, task), adapt(learner, phi, task.support_x, task.support_y)(task.query_x)
    assert values.shape == (9, 1)
    assert values.dtype == outcome.loss.dtype == dtype
    errors = [found.item() - wanted.item() for found, wanted in zip(values, task.query_y, strict=True)]
    assert outcome.loss.item() == pytest.approx(sum(error**2 for error in errors) / 9, rel=1e-5)
    # and its accuracy the fraction that is near enough.
    assert outcome.accuracy.item() == pytest.approx(sum(abs(error) <= TOLERANCE for error in errors) / 9)
    # In meta-training, I expect a loss that φ has a part in, or a choice.
    leaves = {name: value.requires_grad_() for name, value in phi.items()}
    trained = outcome_of(learner, leaves, task, TRAINING)
    assert not learner.learns or (trained.log_probability if learner.chooses else trained.loss).requires_grad


@pytest.mark.parametrize("config", OF_EACH_KIND, ids=named)
def test_what_a_learner_says_of_its_choices(config):
    # Given a task of meta-training, I expect the probability of choices only where there are any.
    learner, task = learner_of(config), task_of()
    outcome = outcome_of(learner, phi_of(learner), task, Mode(training=True))
    assert (outcome.log_probability is not None) == learner.chooses
    assert outcome.loss.shape == outcome.accuracy.shape == ()


@pytest.mark.parametrize("config", [each for each in CONFIGS if each.name not in ("relation", "siamese")], ids=named)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_the_outcome_is_of_the_query_set(config, dtype):
    # Given a task, I expect its loss and accuracy to be those of the logits of its query set, in the type given,
    learner, task = learner_of(config), task_of(dtype=dtype)
    phi = phi_of(learner, dtype)
    before = {name: value.clone() for name, value in phi.items()}
    outcome = learner.query_outcome(phi, task, EVALUATION, torch_generator("learner", 0))
    logits = adapt(learner, phi, task.support_x, task.support_y)(task.query_x)
    assert logits.dtype == outcome.loss.dtype == dtype
    rows = [torch.log_softmax(row, 0)[label].item() for row, label in zip(logits, task.query_y, strict=True)]
    assert outcome.loss.item() == pytest.approx(-sum(rows) / len(rows), rel=1e-5)
    right = sum(int(row.argmax()) == int(label) for row, label in zip(logits, task.query_y, strict=True))
    assert outcome.accuracy.item() == pytest.approx(right / 15)
    # and φ not to be touched.
    assert all(torch.equal(phi[name], value) for name, value in before.items())


def test_accuracy_by_hand():
    logits = torch.tensor([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]])
    assert accuracy(logits, torch.tensor([1, 1, 1])).item() == pytest.approx(2 / 3)
    values = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    assert accuracy(values, torch.tensor([[1.5], [2.6], [2.5], [9.0]])).item() == pytest.approx(2 / 4)
    assert task_loss(values, torch.tensor([[2.0], [2.0], [1.0], [4.0]])).item() == pytest.approx(5 / 4)
