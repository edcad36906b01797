"""Tasks to act in and learners that act: which fit each other, and why others do not."""

import pytest

from phiforge.base.errors import SpecError
from phiforge.spec.checks import DatasetFacts
from phiforge.spec.read import parse_spec

ACTS = {"data": {"name": "navigation"}, "task": {"n_way": 1, "k_shot": 20, "n_query": 20}}
MAML = ACTS | {"learner": {"name": "rl_maml"}}


def problems_of(raw):
    with pytest.raises(SpecError) as found:
        parse_spec(raw, lambda data: DatasetFacts({}, {}))
    return found.value.problems


@pytest.mark.parametrize("data", ["bandits", "navigation", "tabular_mdp"])
@pytest.mark.parametrize(
    ("learner", "estimator"),
    [
        ("rl_maml", "backpropagation"),
        ("rl_maml", "first_order"),
        ("rl_maml", "evolution"),
        ("rl2", "backpropagation"),
        ("rl2", "evolution"),
    ],
)
def test_what_fits(data, learner, estimator):
    # Given a learner that acts, a world and an estimator that can serve both, I expect a run.
    raw = ACTS | {"data": {"name": data}, "learner": {"name": learner}, "estimator": {"name": estimator}}
    assert parse_spec(raw, lambda data: DatasetFacts({}, {})).learner.name == learner


@pytest.mark.parametrize(
    ("raw", "problems"),
    [
        (
            ACTS | {"learner": {"name": "prototypical", "network": {"name": "mlp"}}},
            [
                "learner.name: 'prototypical' learns from examples with targets, but data 'navigation' gives rewards "
                "for actions; allowed: rl2, rl_maml"
            ],
        ),
        (
            ACTS | {"learner": {"name": "rl_maml", "network": {"name": "conv4"}}},
            ["learner.network.name: 'conv4' looks at images, which data 'navigation' has none of; allowed: mlp"],
        ),
        (
            MAML | {"task": {"n_way": 5}},
            ["task.n_way: 5 ways, but a task of data 'navigation' is one world to act in; allowed: 1"],
        ),
        (
            {"learner": {"name": "rl2"}},
            [
                "learner.name: 'rl2' learns to act by rewards, of which data 'glyphs' has none; allowed with it: data "
                "bandits, navigation, tabular_mdp"
            ],
        ),
        (
            MAML | {"sampling": {"label_noise": 0.2}},
            ["sampling.label_noise: 0.2, but data 'navigation' is to be acted in, without labels; allowed: 0"],
        ),
        (
            MAML | {"scores": [{"name": "mean_return"}]},
            [
                "scores: 'mean_return' is of outputs and targets, which data 'navigation' has none of; allowed: none, "
                "as its return is always there"
            ],
        ),
        (
            {"scores": [{"name": "mean_return"}]},
            ["scores: 'mean_return' is of tasks to act in, which data 'glyphs' has not"],
        ),
    ],
    ids=[
        "learner of classes",
        "network of images",
        "ways",
        "data of images",
        "label noise",
        "score",
        "score of images",
    ],
)
def test_what_does_not(raw, problems):
    # Given a spec with one thing that does not fit tasks to act in, I expect the sentence that says so, and no other.
    assert problems_of(raw) == problems


@pytest.mark.parametrize("learner", ["rl_maml", "rl2"])
@pytest.mark.parametrize("estimator", ["darts", "enas", "implicit", "reinforce", "reptile"])
def test_estimators_of_examples(learner, estimator):
    # Given an estimator that needs targets, I expect the reason and two that serve.
    assert problems_of(ACTS | {"learner": {"name": learner}, "estimator": {"name": estimator}}) == [
        f"estimator.name: estimator '{estimator}' learns from examples with targets, but learner '{learner}' acts and "
        "has rewards alone: use estimator 'backpropagation' or 'evolution'"
    ]
