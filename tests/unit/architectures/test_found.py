"""What is reported of an architecture, by whatever learner it was searched."""

import pytest

from phiforge.learning.learners import LEARNERS
from phiforge.spec.read import parse_spec
from tests.unit.architectures.cases import RELAXED, chosen, parameters_of, searching
from tests.unit.cases import learner_of, phi_of


def test_the_likeliest_operations_are_found():
    # Given logits that say a cell with one skip
    learner = searching()
    found = learner.architecture(chosen(parameters_of(learner), "conv3x3", "skip", "none"))
    # I expect its operations by edge, their weights, how many skip, and a learner on the discrete network.
    edges = found["edges"]["normal"]
    assert {edge: each["operation"] for edge, each in edges.items()} == {"0-1": "conv3x3", "0-2": "skip", "1-2": "none"}
    for each in edges.values():
        assert sum(each["weights"].values()) == pytest.approx(1)
        assert max(each["weights"], key=each["weights"].get) == each["operation"]
    assert (found["skips"], found["of"]) == (1, 3)
    assert found["learner"]["name"] == "maml"
    assert found["learner"]["network"]["name"] == "cell"
    assert found["learner"]["network"]["normal"] == {"0-1": "conv3x3", "0-2": "skip", "1-2": "none"}


def test_weights_are_those_of_the_last_temperature():
    # Given a colder end, I expect the weight of what was chosen to be larger.
    phi = chosen(parameters_of(searching()), "skip", "skip", "skip")
    warm, cold = (searching(temperature_last=each).architecture(phi) for each in (1.0, 0.1))
    assert cold["edges"]["normal"]["0-1"]["weights"]["skip"] > 0.99 > warm["edges"]["normal"]["0-1"]["weights"]["skip"]
    assert warm["skips"] == warm["of"] == 3


@pytest.mark.parametrize("name", ["maml", "meta_sgd", "learned_optimizer", "prototypical", "leo"])
def test_any_learner_on_a_relaxed_network_finds_one(name):
    # Given another learner on a relaxed network, I expect what it found to be itself on the discrete one.
    learner = searching(name)
    found = learner.architecture(phi_of(learner))
    assert found["of"] == 3
    assert (found["learner"]["name"], found["learner"]["network"]["name"]) == (name, "cell")
    estimator = {"name": "backpropagation"}
    assert parse_spec({"learner": found["learner"], "estimator": estimator}).learner.name == name


def test_others_find_none():
    # Given a network that is none to search, or no φ at all, I expect no architecture.
    plain = learner_of(LEARNERS["maml"].Config.model_validate({"name": "maml"}))
    assert plain.architecture(phi_of(plain)) is None
    fresh = searching("from_scratch", network=RELAXED)
    assert fresh.architecture({}) is None
