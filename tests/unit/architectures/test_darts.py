"""DARTS: the architecture descends the query loss through the weights' step, the weights the support loss."""

import pytest
import torch

from phiforge.learning.estimators import Step, build_estimator
from phiforge.learning.estimators.darts import DartsConfig
from phiforge.learning.learners import Mode
from phiforge.spec.run import RunSpec
from tests.references import architecture as reference
from tests.unit.architectures.cases import NORMAL, parameters_of, searching
from tests.unit.architectures.test_meta_nas import plain
from tests.unit.cases import task_of

RATE = 0.2


def contributed(learner, phi, tasks, order="second"):
    step = Step(RunSpec(), 0)
    return build_estimator(DartsConfig(order=order)).contribute(learner, phi, tasks, step, 0)


def material(steps=1, norm="batch"):
    network = {"name": "relaxed_cell", "channels": 4, "stages": 2, "norm": norm}
    learner = searching(inner_lr=RATE, inner_steps=steps, adapts="weights", network=network)
    return learner, parameters_of(learner), task_of()


@pytest.mark.parametrize("order", ["second", "first"])
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_both_directions_are_those_of_equation_7(norm, steps, order):
    # Given logits far apart, if one task contributes
    learner, phi, task = material(steps, norm)
    found = contributed(learner, phi, [task], order).values
    # I expect equation 7 by hand, to the tenth digit.
    expected = reference.darts_direction(
        phi, plain(task), inner_lr=RATE, steps=steps, order=order, temperature=1.0, norm=norm
    )
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.allclose(found[name], value, rtol=0, atol=1e-10 * max(1.0, float(value.abs().max()))), name


def test_the_second_order_is_what_the_papers_differences_near():
    # Given the direction of one step and that of ξ = 0
    learner, phi, task = material()
    exact = contributed(learner, phi, [task]).values[NORMAL]
    weights = [name for name in phi if name != NORMAL]

    def slopes(at, x, y, names):
        leaves = {name: value.detach().requires_grad_() for name, value in at.items()}
        loss = reference.fit(reference.outputs(leaves, x, "batch", 1.0), y)
        return dict(zip(names, torch.autograd.grad(loss, [leaves[name] for name in names]), strict=True))

    # If the second term is taken by equation 8: of ∇_α L_support at w ± ε ∇_w' L_query, over 2ε
    support, query = (task.support_x, task.support_y), (task.query_x, task.query_y)
    gone = slopes(phi, *support, weights)
    stepped = phi | {name: phi[name] - RATE * gone[name] for name in weights}
    ahead = slopes(stepped, *query, [NORMAL, *weights])
    length = torch.cat([ahead[name].flatten() for name in weights]).norm()
    epsilon = 1e-5 / float(length)
    there, back = (
        slopes(phi | {name: phi[name] + sign * epsilon * ahead[name] for name in weights}, *support, [NORMAL])
        for sign in (1, -1)
    )
    second = (there[NORMAL] - back[NORMAL]) / (2 * epsilon)
    # I expect the exact direction, and the term to matter.
    approximate = ahead[NORMAL] - RATE * second
    assert torch.allclose(approximate, exact, rtol=0, atol=1e-5 * float(exact.abs().max()))
    assert float((RATE * second).abs().max()) > 1e-2 * float(exact.abs().max())


def test_what_the_query_set_says_moves_no_weight():
    # Given two tasks of one support set and other queries, I expect the same direction of weights, another of logits.
    learner, phi, task = material(steps=2)
    other = type(task)(task.support_x, task.support_y, 1 - task.query_x, task.query_y, task.classes)
    first, second = (contributed(learner, phi, [each]).values for each in (task, other))
    assert {name for name in phi if not torch.equal(first[name], second[name])} == {NORMAL}


@pytest.mark.parametrize("order", ["second", "first"])
def test_scores_are_those_of_the_adapted_model(order):
    # Given either order, I expect the loss that the learner itself has on the query set after its inner steps.
    learner, phi, task = material(steps=2)
    found = contributed(learner, phi, [task, task], order)
    end = learner.path(phi, task.support_x, task.support_y, Mode(training=True))[-1]
    loss = reference.fit(reference.outputs(end, task.query_x, "batch", 1.0), task.query_y)
    assert found.tasks == 2
    assert found.loss == pytest.approx(2 * loss.item(), rel=1e-10)
