"""The loss of every step counts at first, then less, then that of the last step alone."""

import pytest
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from phiforge.learning.learners import Mode
from phiforge.learning.learners.maml_plus_plus import MamlPlusPlusConfig, step_weights
from tests.unit.cases import outcome_of, phi_of, task_of
from tests.unit.inner_loops.cases import loop, trained_by_torch


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
