"""What any learner keeps in φ, where it comes from, and which tasks it serves."""

import pytest
import torch

from phiforge.base.errors import SpecError
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import LEARNERS
from phiforge.learning.networks.bases.normalisation import is_statistic
from phiforge.spec.read import parse_spec
from tests.unit.cases import adapt, learner_of, outcome_of, phi_of, task_of
from tests.unit.learners.kinds import CONFIGS, FORGETFUL, OF_EACH_KIND, conv4, named


@pytest.mark.parametrize("norm", ["running", "per_step"])
@pytest.mark.parametrize("name", sorted(FORGETFUL))
def test_averages_are_only_for_learners_that_keep_them(name, norm):
    # Given a learner that keeps no averages, if its network is to normalise by those of meta-training
    estimator = "none" if not LEARNERS[name].learns else "reinforce" if LEARNERS[name].chooses else "backpropagation"
    raw = {"learner": {"name": name, "network": conv4(norm)}, "estimator": {"name": estimator}}
    raw |= {} if LEARNERS[name].learns else {"outer": {"versions": 0}}
    # I expect a fault: there are none.
    with pytest.raises(SpecError, match=r"learner\.network\.norm"):
        parse_spec(raw)
    assert not LEARNERS[name].averages


@pytest.mark.parametrize("config", OF_EACH_KIND, ids=named)
def test_which_phi_serves_any_number_of_ways(config):
    # Given φ of 5 ways and φ of 3, I expect the learner to say whether they are of one shape,
    learner, phi = learner_of(config, 3), phi_of(learner_of(config, 5))
    shapes = [{name: value.shape for name, value in each.items()} for each in (phi, phi_of(learner))]
    if learner.any_n_way or getattr(config, "learn_start", True):  # a start that is drawn afresh is one of its settings
        assert (shapes[0] == shapes[1]) == learner.any_n_way
    # and then that of 5 ways to serve tasks of 3.
    if learner.any_n_way:
        task = task_of(3)
        assert adapt(learner, phi, task.support_x, task.support_y)(task.query_x).shape == (9, 3)
        assert outcome_of(learner, phi, task).loss.isfinite()


@pytest.mark.parametrize("config", CONFIGS, ids=named)
def test_phi_is_drawn_from_the_generator_alone(config):
    learner = learner_of(config)
    first, again = phi_of(learner, torch.float32), phi_of(learner, torch.float32)
    assert first.keys() == again.keys()
    assert all(torch.equal(first[name], again[name]) and first[name].is_contiguous() for name in first)
    assert {value.dtype for value in learner.init_phi(torch_generator()).values()} <= {torch.float32}
    assert bool(first) == learner.learns
    # Averages stand in φ under their own names, where reduction looks for them.
    kept = {name for name in first if is_statistic(name)}
    assert bool(kept) == (hasattr(config, "network") and config.network.norm in ("running", "per_step"))
    assert len(kept) == sum("statistics/" in name for name in first)


def test_every_learner_is_listed_under_its_name():
    # Given the learners of examples, I expect each to be tried; those that act are tried by themselves.
    assert {config.name for config in CONFIGS} == {name for name, each in LEARNERS.items() if each.supervised}
    assert all(learner.name == name for name, learner in LEARNERS.items())
