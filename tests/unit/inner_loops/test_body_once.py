"""ANIL's body, which no inner step moves: computed once it gives what it gives at every step."""

import pytest
import torch

from phiforge.learning.learners import EVALUATION
from phiforge.learning.learners.anil import Anil, AnilConfig
from phiforge.learning.networks.bases.network import Network
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.spec.run import RunSpec
from tests.certificate.material import configured, contribution, episodes, estimating, learner_of, phi_of, step_of
from tests.unit.cases import adapt, task_of

SIDE, STEPS = 16, 3
NORMS = ["batch", "running", "per_step", "layer", "none"]


def anil(body, norm="batch"):
    network = {"name": "conv4", "channels": 8, "norm": norm}
    return configured("anil", inner_lr=0.5, inner_steps=STEPS, body=body, network=network)


@pytest.mark.parametrize("engine", ["torch", "fused", "vmap"])
@pytest.mark.parametrize("estimator", ["backpropagation", "first_order"])
@pytest.mark.parametrize("norm", NORMS)
def test_gradients_are_those_of_a_body_at_every_step(norm, estimator, engine):
    # Given ANIL of three steps, I expect the same loss and the same gradients up to rounding, whatever computes them,
    found, expected = (
        contribution(
            estimating(estimator),
            learner_of(config, SIDE, engine),
            phi_of(learner_of(config, SIDE), torch.float64),
            episodes(config, SIDE, count=2, k_shot=2),
            step_of(),
        )
        for config in (anil("once", norm), anil("every_step", norm))
    )
    assert found.loss == pytest.approx(expected.loss, rel=1e-12)
    assert found.values.keys() == expected.values.keys()
    for name, value in expected.values.items():
        assert torch.allclose(found.values[name], value, rtol=1e-9, atol=1e-12 * float(value.abs().max()) + 1e-14)
    # with a body whose gradient is not nothing.
    assert expected.values["conv0.weight"].abs().max() > 0


@pytest.mark.parametrize(
    ("norm", "body", "passes"), [("batch", "once", 1), ("batch", "every_step", STEPS), ("per_step", "once", STEPS)]
)
def test_how_often_the_body_sees_the_support_set(norm, body, passes, monkeypatch):
    # Given an inner loop of three steps, if passes over the support set are counted
    config = AnilConfig(
        inner_steps=STEPS, inner_steps_evaluation=STEPS, body=body, network=Conv4Config(channels=8, norm=norm)
    )
    learner, task, seen = learner_of(config, SIDE), task_of(), []
    assert isinstance(learner, Anil)
    network: Network = learner.model.network
    plain = network.features
    monkeypatch.setattr(network, "features", lambda *given: seen.append(len(given[1])) or plain(*given))
    adapt(learner, phi_of(learner, torch.float64), task.support_x, task.support_y, EVALUATION)
    # I expect one, unless it is asked for at every step, or each step normalises by weights of its own.
    assert seen == [len(task.support_x)] * passes


def test_recorded_runs_go_on_by_a_body_at_every_step():
    # Given a record from before there was a choice, I expect the last bits that it had.
    written = RunSpec.model_validate({"learner": {"name": "anil"}}).to_json()
    assert "body" not in written["learner"]
    assert RunSpec.from_json(written).learner.body == "every_step"
    assert RunSpec.from_json(written).to_json() == written
    # If one asks for it once, I expect that to be recorded.
    asked = RunSpec.model_validate({"learner": {"name": "anil", "body": "once"}})
    assert RunSpec.from_json(asked.to_json()) == asked
