"""Implicit gradients where their preconditions hold and where they do not: guard, damping, pull-back, warnings."""

import logging
import math

import numpy as np
import pytest
import torch

from phiforge.base.metrics import IMPLICIT_UNMET
from phiforge.learning.estimators.bases.preconditions import Preconditions, tell
from phiforge.learning.estimators.implicit import ImplicitConfig, conjugate_gradient
from phiforge.learning.learners import EVALUATION, Mode
from phiforge.learning.learners.maml import MamlConfig
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.registry.section import RECORDED
from phiforge.spec.run import RunSpec
from tests.certificate.material import contribution, estimating, step_of
from tests.references import estimators as reference
from tests.references import networks
from tests.unit.cases import adapt, learner_of, outcome_of, phi_of, task_of

RATE, PULL, STEPS = 0.1, 2.0, 4
NETWORK = Conv4Config(channels=4, norm="layer")


def solved(matrix, target, iterations, **settings):
    """What conjugate gradients make of a system of one name, as numbers."""
    matrix = torch.tensor(matrix, dtype=torch.float64)
    found = conjugate_gradient(
        lambda vector: {"x": matrix @ vector["x"]},
        {"x": torch.tensor(target, dtype=torch.float64)},
        iterations,
        **settings,
    )
    return found.x["x"].numpy(), found.curvature


def test_where_the_first_direction_curves_down_the_gradient_itself_is_taken():
    # Given a matrix whose curvature along the target is negative, I expect the target, and the curvature to be told:
    found, curvature = solved(np.diag([1.0, -4.0]), [1.0, 2.0], 5, guarded=True)
    assert found == pytest.approx([1.0, 2.0])
    assert curvature == pytest.approx((1 - 16) / 5)
    # unguarded, as it once was, a direction that points away from it.
    wrong, _ = solved(np.diag([1.0, -4.0]), [1.0, 2.0], 1, guarded=False)
    assert wrong @ [1.0, 2.0] < 0


def test_where_a_later_direction_curves_down_what_was_found_before_stays():
    # Given a matrix that curves up along the target and down along the next direction
    matrix, target = np.diag([3.0, -0.5]), [1.0, 1.0]
    first, curvature = solved(matrix, target, 1, guarded=True)
    assert curvature == pytest.approx(1.25)
    # I expect what the first iteration found, however many are asked for.
    found, curvature = solved(matrix, target, 5, guarded=True)
    assert np.array_equal(found, first)
    assert curvature < 0


@pytest.mark.parametrize("guarded", [True, False])
def test_where_all_directions_curve_up_a_guard_changes_nothing(guarded):
    # Given a positive definite system, I expect numpy's solution and the smallest curvature met to be a possible one.
    values = np.random.default_rng(0).standard_normal((5, 5))
    matrix, target = values @ values.T + np.eye(5), values[0]
    found, curvature = solved(matrix, target, 5, guarded=guarded)
    assert found == pytest.approx(np.linalg.solve(matrix, target))
    low, *_, high = np.linalg.eigvalsh(matrix)
    assert low <= curvature <= high


def test_no_iteration_meets_no_curvature():
    found, curvature = solved(np.eye(2), [0.0, 0.0], 3, guarded=True)
    assert list(found) == [0.0, 0.0]
    assert curvature == math.inf


def pulled(**settings):
    return MamlConfig(inner_lr=RATE, inner_steps=STEPS, inner_steps_evaluation=STEPS, network=NETWORK, **settings)


@pytest.mark.parametrize("mode", [EVALUATION, Mode(training=True)])
def test_a_pull_back_at_the_end_comes_after_plain_steps(mode):
    # Given MAML that is pulled back at the end, by an independent loop: plain steps, then one step of the pull alone
    learner, task = learner_of(pulled(proximal=PULL, pull_back="at_the_end"), shape=(1, 16, 16)), task_of()
    phi = phi_of(learner)
    theta = {name: value.clone().requires_grad_() for name, value in phi.items()}
    for _ in range(STEPS):
        loss = networks.fit(networks.outputs(theta, task.support_x, "layer"), task.support_y)
        slopes = torch.autograd.grad(loss, list(theta.values()))
        moved = {name: theta[name] - RATE * slope for name, slope in zip(theta, slopes, strict=True)}
        theta = {name: value.detach().requires_grad_() for name, value in moved.items()}
    end = {name: value - RATE * PULL * (value - phi[name]) for name, value in theta.items()}
    expected = networks.outputs(end, task.query_x, "layer")
    # I expect the same predictions, in meta-training and on unseen tasks.
    found = adapt(learner, phi, task.support_x, task.support_y, mode)(task.query_x)
    assert torch.allclose(found, expected, rtol=0, atol=1e-10)
    assert torch.allclose(outcome_of(learner, phi, task, mode).loss, networks.fit(expected, task.query_y))
    # Every number of steps that is tried is pulled back at its own end.
    tried = learner.adapt_by_steps(phi, task.support_x, task.support_y, mode, torch.Generator(), (1, STEPS))
    assert torch.allclose(tried[STEPS](task.query_x), expected, rtol=0, atol=1e-10)


def test_without_a_pull_there_is_nothing_to_pull_back():
    learner, plain = learner_of(pulled(pull_back="at_the_end")), learner_of(pulled())
    task, phi = task_of(), phi_of(plain)
    found, expected = (adapt(each, phi, task.support_x, task.support_y)(task.query_x) for each in (learner, plain))
    assert torch.equal(found, expected)


@pytest.mark.parametrize("guard", ["ignore", "stop"])
@pytest.mark.parametrize("damping", [0.0, 22.0])
@pytest.mark.parametrize("pull_back", ["every_step", "at_the_end"])
def test_a_damped_contribution_is_that_of_a_second_formulation(pull_back, damping, guard):
    # Given a proximal inner loop, if its curvature is damped, I expect what flat vectors and loops of torch come to.
    config = pulled(proximal=PULL, pull_back=pull_back)
    learner, task = learner_of(config), task_of(k_shot=1)
    phi = phi_of(learner)
    found = contribution(
        estimating("implicit", damping=damping, negative_curvature=guard), learner, phi, [task], step_of()
    ).values
    expected = reference.implicit_gradient(
        phi,
        task,
        inner_lr=RATE,
        steps=STEPS,
        proximal=PULL,
        iterations=5,
        norm="layer",
        damping=damping,
        at_the_end=pull_back == "at_the_end",
        guarded=guard == "stop",
    )
    assert found.keys() == expected.keys()
    assert all(torch.allclose(found[name], expected[name], rtol=1e-6, atol=1e-9) for name in expected)


@pytest.mark.parametrize(
    ("residual", "curvature", "unmet"),
    [(0.01, 1.0, set()), (0.9, 1.0, {"converged"}), (0.01, 0.0, {"definite"}), (0.9, -2.0, {"converged", "definite"})],
)
def test_preconditions_that_do_not_hold_are_counted_and_said(residual, curvature, unmet, caplog):
    # Given a job of two tasks of which one is in order
    counts = {each: IMPLICIT_UNMET.labels(condition=each)._value.get() for each in ("converged", "definite")}
    caplog.set_level(logging.WARNING)
    tell([Preconditions(0.0, 1.0), Preconditions(residual, curvature)], step_of(0), 0)
    # I expect the other to be counted under what it lacks, and a line that says what to do.
    found = {each: IMPLICIT_UNMET.labels(condition=each)._value.get() - before for each, before in counts.items()}
    assert found == {each: float(each in unmet) for each in counts}
    assert len(caplog.records) == bool(unmet)
    assert not unmet or "1 of 2 tasks" in caplog.text
    assert ("inner_steps" in caplog.text) == ("converged" in unmet)
    assert ("damping" in caplog.text) == ("definite" in unmet)
    # Jobs in between only count: the log is for people.
    caplog.clear()
    tell([Preconditions(residual, curvature)], step_of(3), 0)
    tell([Preconditions(residual, curvature)], step_of(0), 1)
    assert not caplog.records


def test_a_spec_that_says_nothing_means_what_it_meant_before_there_were_settings():
    # Given a spec of implicit gradients that says nothing of guard, damping and pull-back
    raw = {"learner": {"name": "maml", "proximal": 2.0}, "estimator": {"name": "implicit"}}
    spec = RunSpec.model_validate(raw)
    # I expect a new run to be computed as an old one was, and so to come to the same φ.
    assert (spec.estimator.negative_curvature, spec.estimator.damping) == ("ignore", 0.0)
    assert spec.learner.pull_back == "every_step"
    # The same holds for the record of a run that was made before.
    written = spec.to_json()
    for name in ("negative_curvature", "damping"):
        written["estimator"].pop(name, None)
    old = RunSpec.from_json(written)
    assert old.estimator == spec.estimator
    assert old.to_json() == written
    assert old.schema_version == 1
    assert ImplicitConfig.model_validate({}, context=RECORDED).damping == 0.0
    assert MamlConfig.model_validate({}, context=RECORDED).pull_back == "every_step"
    # A guard that is asked for is recorded.
    guarded = RunSpec.model_validate({**raw, "estimator": {"name": "implicit", "negative_curvature": "stop"}})
    assert RunSpec.from_json(guarded.to_json()).estimator.negative_curvature == "stop"
