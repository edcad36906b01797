"""Which estimator makes sense for which learner."""

import pytest

from phiforge.learning.learners import LEARNERS
from phiforge.spec.read import parse_spec
from tests.unit.spec.cases import ALLOWED, GRADIENT, METRIC, facts_of, problems_of
from tests.unit.spec.strategies import ESTIMATORS

REFUSED = {
    **{
        (learner, estimator): "has no φ to learn: use estimator 'none'"
        for learner in ("from_scratch", "pixel_nearest_neighbour")
        for estimator in sorted(ESTIMATORS)
        if estimator != "none"
    },
    **{(learner, "none"): "has a φ that 'none' would never train" for learner in (*GRADIENT, *METRIC)},
    ("chosen_training", "none"): "has a φ that 'none' would never train",
    **{
        (learner, "first_order"): "takes no inner gradient to approximate: use estimator 'backpropagation'"
        for learner in METRIC
    },
    ("augmented_maml", "first_order"): "has an augmentation, which acts through inner gradients alone and never moves "
    "by it: use estimator 'backpropagation'",
    **{
        (
            "chosen_training",
            estimator,
        ): "makes choices, which have no gradient: use estimator 'reinforce' or 'evolution'"
        for estimator in ("backpropagation", "first_order")
    },
    **{
        (learner, "persistent_evolution"): "has no inner loop that can be cut: use estimator 'evolution'"
        for learner in (*METRIC, "leo", "augmented_maml", "chosen_training")
    },
    **{(learner, "reinforce"): "draws no choices: use learner 'chosen_training'" for learner in (*GRADIENT, *METRIC)},
    **{
        (learner, "reptile"): "has entries of φ that its inner loop does not move: use learner 'maml'"
        for learner in (*GRADIENT, *METRIC, "chosen_training")
        if learner != "maml"
    },
    **{
        (learner, "darts"): "has no architecture in φ: use learner 'meta_nas'"
        for learner in (*GRADIENT, *METRIC, "chosen_training")
    },
    **{
        (learner, "enas"): "takes inner steps of its own: use learner 'meta_nas' with adapts 'weights'"
        for learner in GRADIENT
    },
    ("chosen_training", "enas"): "makes choices, which have no gradient: use estimator 'reinforce' or 'evolution'",
    **{
        (learner, "implicit"): "has no proximal inner loss: use learner 'maml'"
        for learner in (*GRADIENT, *METRIC, "chosen_training")
    },
}


UNLESS_SET = {
    ("maml", "implicit"): "learner 'maml' with proximal above 0",
    ("meta_nas", "darts"): "learner 'meta_nas' with adapts 'weights', not 'both'",
    ("meta_nas", "enas"): "learner 'meta_nas' with adapts 'weights', not 'both'",
    **{
        (learner, "enas"): "a network with an architecture in φ, not 'conv4': use learner 'prototypical' on network "
        "'relaxed_cell', or learner 'meta_nas' with adapts 'weights'"
        for learner in METRIC
    },
}
"""What fits only with a setting that is not the default."""


@pytest.mark.parametrize("estimator", sorted(ESTIMATORS))
@pytest.mark.parametrize("learner", sorted(name for name, each in LEARNERS.items() if each.supervised))
def test_which_estimator_makes_sense_for_which_learner(learner, estimator):
    # Given a learner and an estimator with their defaults
    raw = {"learner": {"name": learner}, "estimator": {"name": estimator}}
    raw |= {"outer": {"versions": 0}} if estimator == "none" else {}
    # I expect a run if they fit, else one problem that says why.
    if estimator in ALLOWED[learner]:
        assert (learner, estimator) not in REFUSED
        assert parse_spec(raw, facts_of).estimator.name == estimator
        return
    (found,) = problems_of(raw)
    if (learner, estimator) in UNLESS_SET:
        assert found.startswith(f"estimator.name: estimator '{estimator}' needs {UNLESS_SET[learner, estimator]}")
    else:
        assert found == f"estimator.name: learner '{learner}' {REFUSED[learner, estimator]}"


def test_implicit_needs_a_pull():
    # Given MAML that is pulled back to φ, I expect estimator 'implicit' to make a run.
    raw = {"learner": {"name": "maml", "proximal": 2.0, "inner_steps": 10}, "estimator": {"name": "implicit"}}
    assert parse_spec(raw, facts_of).learner.proximal == 2.0


def test_darts_needs_one_architecture_for_all_tasks():
    # Given MetaNAS whose tasks adapt weights alone, I expect estimator 'darts' to make a run,
    raw = {"learner": {"name": "meta_nas", "adapts": "weights"}, "estimator": {"name": "darts"}}
    assert parse_spec(raw, facts_of).learner.adapts == "weights"
    # unless its normalisation has entries of φ that no inner step moves.
    raw["learner"]["network"] = {"name": "relaxed_cell", "norm": "per_step"}
    assert problems_of(raw) == [
        "estimator.name: norm 'per_step' has entries of φ that the inner loop does not move: use estimator "
        "'backpropagation'"
    ]


@pytest.mark.parametrize("learner", [{"name": "meta_nas", "adapts": "weights"}, {"name": "prototypical"}])
def test_draws_need_one_architecture_for_all_tasks_and_no_averages(learner):
    # Given a learner whose tasks leave an architecture alone, I expect estimator 'enas' to make a run,
    network = {"name": "relaxed_cell", "norm": "layer"}
    raw = {"learner": learner | {"network": network}, "estimator": {"name": "enas", "policy": "uniform"}}
    assert parse_spec(raw, facts_of).estimator.policy == "uniform"
    # unless its normalisation averages over whatever was drawn.
    for norm in ("running", "per_step"):
        raw["learner"]["network"] = network | {"norm": norm}
        found = [problem for problem in problems_of(raw) if problem.startswith("estimator.name")]
        assert found == [
            f"estimator.name: norm '{norm}' would average over networks that were drawn, which is right for none of "
            "them: use norm 'batch'"
        ]


def test_a_search_needs_a_network_to_search():
    # Given MetaNAS on a network that has no architecture in φ, I expect to be told which have.
    [found] = problems_of({"learner": {"name": "meta_nas", "network": {"name": "conv4"}}})
    assert "learner.network" in found
    assert "relaxed_cell" in found
