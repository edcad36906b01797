"""What must not change what any learner predicts: order, other queries, gradients being off."""

import pytest
import torch

from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import EVALUATION
from tests.unit.cases import adapt, learner_of, outcome_of, phi_of, task_of
from tests.unit.learners.kinds import CONFIGS, ORDERED, named


@pytest.mark.parametrize("config", [each for each in CONFIGS if each not in ORDERED], ids=named)
def test_the_order_of_the_support_set_does_not_matter(config):
    # Given a task, if its support examples come in another order, I expect the same logits.
    learner, task = learner_of(config), task_of()
    phi = phi_of(learner)
    expected = adapt(learner, phi, task.support_x, task.support_y)(task.query_x)
    order = torch.randperm(10, generator=torch_generator("order"))
    found = adapt(learner, phi, task.support_x[order], task.support_y[order])(task.query_x)
    assert torch.allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("config", CONFIGS, ids=named)
def test_only_transductive_learners_look_at_the_other_queries(config):
    # Given a task, if its queries are asked for with two others, or one by one, instead of all at once
    learner, task = learner_of(config), task_of()
    predict = adapt(learner, phi_of(learner), task.support_x, task.support_y)
    all_at_once, few = predict(task.query_x), predict(task.query_x[:3])
    alone = torch.cat([predict(query[None]) for query in task.query_x])
    # I expect another prediction exactly where the learner says so.
    assert torch.allclose(few, all_at_once[:3], rtol=0, atol=1e-9) != learner.transductive
    assert torch.allclose(alone, all_at_once, rtol=0, atol=1e-9) != learner.transductive


@pytest.mark.parametrize("config", CONFIGS, ids=named)
def test_evaluation_needs_no_gradients(config):
    # Given a task, if it is judged where gradients are off, I expect the same predictions, and nothing remembered:
    learner, task = learner_of(config), task_of()
    phi = phi_of(learner)
    expected = adapt(learner, phi, task.support_x, task.support_y)(task.query_x)
    with torch.no_grad():
        found = adapt(learner, phi, task.support_x, task.support_y)(task.query_x)
        outcome = outcome_of(learner, phi, task)
    assert torch.equal(found, expected)
    assert outcome.loss.isfinite()
    assert 0 <= outcome.accuracy <= 1
    # no gradient wanted of φ, and no statistics noted where all tasks would share them.
    assert not any(value.requires_grad for value in phi.values())
    assert EVALUATION.noted == {}
