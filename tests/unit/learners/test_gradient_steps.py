"""Steps down the gradient of a quadratic, by hand, with and without the graph behind them."""

import pytest
import torch

from phiforge.learning.learners.bases.gradient import descended, gradients_at
from tests.unit.cases import doubles


def quadratic(parameters):
    """Half of 3 x² + 2 x y + y²."""
    x, y = parameters["x"], parameters["y"]
    return 1.5 * x**2 + x * y + 0.5 * y**2


def gradient_steps(loss, start, rate, steps, *, keep_graph):
    theta = dict(start)
    for _ in range(steps):
        theta = descended(theta, gradients_at(loss, theta, theta, keep_graph=keep_graph), rate)
    return theta


@pytest.mark.parametrize(("keep_graph", "slope"), [(True, [0.7 - 0.1, 0.9 - 0.1]), (False, [1.0, 1.0])])
def test_gradient_steps_by_hand(keep_graph, slope):
    # Given a start at (2, 1), where the gradient is (3·2 + 1, 2 + 1)
    start = {"x": doubles(2.0).requires_grad_(), "y": doubles(1.0).requires_grad_()}
    moved = gradient_steps(quadratic, start, 0.1, 1, keep_graph=keep_graph)
    # I expect a step of a tenth of it,
    assert [moved["x"].item(), moved["y"].item()] == pytest.approx([2 - 0.7, 1 - 0.3])
    # and the derivative of x + y after the step to be the row sums of 1 - H / 10 in second order, 1 in first.
    found = torch.autograd.grad(moved["x"] + moved["y"], [start["x"], start["y"]])
    assert [each.item() for each in found] == pytest.approx(slope)


@pytest.mark.parametrize("keep_graph", [True, False])
def test_gradient_steps_follow_the_powers_of_the_matrix(keep_graph):
    # Given a quadratic with matrix H, I expect (1 - rate · H)^steps times the start.
    matrix = torch.eye(2, dtype=torch.float64) - 0.1 * doubles([[3.0, 1.0], [1.0, 1.0]])
    start = {"x": doubles(2.0).requires_grad_(), "y": doubles(1.0).requires_grad_()}
    for steps in range(6):
        moved = gradient_steps(quadratic, start, 0.1, steps, keep_graph=keep_graph)
        expected = torch.linalg.matrix_power(matrix, steps) @ doubles([2.0, 1.0])
        assert [moved["x"].item(), moved["y"].item()] == pytest.approx(expected.tolist())


def test_gradient_steps_leave_their_start_alone():
    # Given a start that wants no gradients, I expect the same steps and an untouched start.
    start = {"x": doubles(2.0), "y": doubles(1.0)}
    moved = gradient_steps(quadratic, start, 0.1, 1, keep_graph=False)
    assert [moved["x"].item(), moved["y"].item()] == pytest.approx([1.3, 0.7])
    assert [start["x"].item(), start["y"].item()] == [2.0, 1.0]
    assert not start["x"].requires_grad


def test_only_what_moves_has_a_gradient():
    # Given a quadratic of which y does not move, I expect the slope in x alone, and none of it from y.
    start = {"x": doubles(2.0), "y": doubles(1.0)}
    found = gradients_at(quadratic, start, {"x": start["x"]}, keep_graph=False)
    assert {name: value.item() for name, value in found.items()} == {"x": 7.0}
