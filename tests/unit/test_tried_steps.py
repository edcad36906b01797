"""The number of inner steps on unseen tasks, chosen on validation tasks."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phiforge.base.errors import FormatError
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import EVALUATION, build_learner
from phiforge.learning.learners.bases.learner import TaskShape
from phiforge.learning.scoring import ChunkScores, score, score_by_steps
from phiforge.learning.tried_steps import TriedScores, summary_of_best, tried_steps
from phiforge.registry import LEARNERS
from phiforge.tasks.episodes import Episode
from tests.networks import fitting

TRYING = sorted(name for name, each in LEARNERS.items() if each.tries_steps)
NETWORK = {"name": "conv4", "channels": 4}


def config_of(name, **changes):
    """Return the configuration of a learner of few inner steps and a small network."""
    changes = {"inner_steps": 2, "network": fitting(name, NETWORK)} | changes
    return LEARNERS[name].Config.model_validate({"name": name} | changes)


def tasks(count=3):
    """Return small tasks of five classes."""
    generator = torch_generator("tasks")
    x = torch.rand((count, 15, 1, 16, 16), generator=generator)
    y = torch.arange(5)
    return [Episode(each[:5], y, each[5:], torch.cat([y, y]), y) for each in x]


def learner_of(config, engine="torch"):
    return build_learner(config, TaskShape(5, (1, 16, 16), train_classes=5, engine=engine))


@pytest.mark.parametrize("name", TRYING)
def test_each_number_is_what_a_learner_of_that_number_does(name):
    # Given a learner, its φ and some tasks
    phi = learner_of(config_of(name)).init_phi(torch_generator("phi"))
    # If several numbers of steps are tried at once
    found = score_by_steps(learner_of(config_of(name)), phi, tasks(), "any", steps=(1, 2, 4))
    # I expect of each what a learner that is configured so scores.
    for steps, scores in found.items():
        alone = score(learner_of(config_of(name, inner_steps_evaluation=steps)), phi, tasks(), "any")
        assert scores.of.keys() == alone.of.keys()
        for values, expected in zip(scores.of.values(), alone.of.values(), strict=True):
            assert values == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_by_every_engine_the_same():
    # Given MAML, I expect the engine that maps over episodes to try the same numbers to the same scores.
    phi = learner_of(config_of("maml")).init_phi(torch_generator("phi"))
    plain = score_by_steps(learner_of(config_of("maml")), phi, tasks(), "any", steps=(1, 3))
    mapped = score_by_steps(learner_of(config_of("maml"), "vmap"), phi, tasks(), "any", steps=(1, 3), together=2)
    for steps in (1, 3):
        assert mapped[steps].of["loss"] == pytest.approx(plain[steps].of["loss"], rel=1e-4)


def test_who_has_no_steps_to_choose():
    # Given ProtoNet, I expect a refusal.
    learner = learner_of(LEARNERS["prototypical"].Config(network=NETWORK))
    phi = learner.init_phi(torch_generator("phi"))
    [task] = tasks(1)
    with pytest.raises(NotImplementedError, match="prototypical"):
        learner.outcomes_by_steps(phi, task, EVALUATION, torch_generator(0), [1])


@pytest.mark.parametrize("name", TRYING)
def test_the_numbers_that_are_tried(name):
    # Given a configuration, I expect its own numbers to be among those tried.
    assert tried_steps(config_of(name, inner_steps=4, inner_steps_evaluation=7)) == (1, 2, 3, 4, 5, 7, 10)
    assert {1, 3, 10} <= set(tried_steps(LEARNERS[name].Config()))


def chunk(**means):
    """Return the scores of a chunk of two tasks by steps: accuracies, and losses that fall with them."""
    return TriedScores(
        {int(steps[1:]): ChunkScores({"loss": [1 - mean] * 2, "accuracy": [mean] * 2}) for steps, mean in means.items()}
    )


def best(*chunks, by="accuracy", higher=True):
    found = summary_of_best(9, "hash", chunks, by, higher_is_better=higher)
    return found and (found["inner_steps"], found["accuracy"], found["tasks"])


def test_the_best_is_chosen():
    # Given chunks, I expect the number that does best on all of them; of equals the fewest; by the score that counts.
    assert best(chunk(_1=0.6, _3=0.5, _10=0.7), chunk(_1=0.6, _3=0.9, _10=0.2)) == (3, 0.7, 4)
    assert best(chunk(_3=0.7, _1=0.7)) == (1, 0.7, 2)
    assert best(chunk(_1=0.7, _3=0.8), by="loss", higher=False) == (3, 0.8, 2)
    found = summary_of_best(9, "hash", [chunk(_1=0.6, _10=0.7)], "accuracy", higher_is_better=True)
    assert {steps: each["accuracy"] for steps, each in found["by_inner_steps"].items()} == {"1": 0.6, "10": 0.7}


def test_numbers_that_diverge_are_not_chosen():
    # Given a number of steps whose loss is no number on one task of one chunk
    diverged = {5: ChunkScores({"loss": [0.1, math.nan], "accuracy": [1.0, 1.0]}), 1: chunk(_1=0.5).by_steps[1]}
    kept = TriedScores.finite(diverged)
    # I expect it to be left out, and nothing to be chosen if nothing is left.
    assert best(kept, chunk(_1=0.5, _5=0.9)) == (1, 0.5, 4)
    assert best(TriedScores.finite({5: diverged[5]}), chunk(_5=0.9)) is None


@given(
    st.dictionaries(
        st.integers(1, 1000),
        st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=3),
        max_size=4,
    )
)
def test_bytes_and_back(values):
    # Given scores by steps, I expect them back from their bytes.
    scores = TriedScores({steps: ChunkScores({"loss": each, "accuracy": each}) for steps, each in values.items()})
    assert TriedScores.from_bytes(scores.to_bytes()) == scores


@pytest.mark.parametrize("data", [b"", b"[]", b"7", b'{"a": {}}', b'{"1": {}}', b'{"1": {"loss": [1]}}', b'{"1": 3}'])
def test_other_bytes_are_refused(data):
    with pytest.raises(FormatError, match="not the scores of a chunk"):
        TriedScores.from_bytes(data)
