"""What normalises the queries of unseen tasks: averages in φ, all queries, or each beside the support set."""

import pytest
import torch

from phiforge.learning.learners import EVALUATION, LEARNERS, Mode
from phiforge.learning.learners.maml import MamlConfig
from phiforge.learning.learners.maml_plus_plus import MamlPlusPlusConfig
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.registry.section import RECORDED
from phiforge.spec.run import RunSpec
from tests.references import networks as reference
from tests.unit.cases import adapt, outcome_of, phi_of, task_of
from tests.unit.inner_loops.cases import loop, queries_of

STEPS = 2
SETWISE = ["batch", "running", "per_step"]


def adapted(learner, phi, task):
    """The parameters after the inner loop on an unseen task, which the reference is to look with."""
    return learner.path(phi, task.support_x, task.support_y, EVALUATION)[-1]


@pytest.mark.parametrize("config", [MamlConfig, MamlPlusPlusConfig])
@pytest.mark.parametrize("norm", SETWISE)
def test_by_the_set_queries_are_normalised_by_each_other(norm, config):
    # Given an inner loop on a network that looks at sets, with averages in φ that mean nothing
    learner, task = loop(config, STEPS, Conv4Config(channels=8, norm=norm), query_statistics="set"), task_of()
    phi = {name: value + 3 if "statistics" in name else value for name, value in phi_of(learner).items()}
    # I expect logits of the queries as an independent network makes them of the whole set, and to be told so.
    expected = reference.outputs(adapted(learner, phi, task), task.query_x, norm, STEPS)
    assert torch.allclose(queries_of(learner, phi, task), expected, rtol=0, atol=1e-9)
    assert learner.transductive


@pytest.mark.parametrize("config", [MamlConfig, MamlPlusPlusConfig])
@pytest.mark.parametrize("norm", SETWISE)
def test_by_the_support_set_each_query_is_normalised_beside_it(norm, config):
    # Given the same, but each query beside the support set
    learner, task = loop(config, STEPS, Conv4Config(channels=8, norm=norm), query_statistics="support"), task_of()
    phi = phi_of(learner)
    theta = adapted(learner, phi, task)
    # I expect the logits of an independent network that sees the support set and that query, and no other query,
    expected = [
        reference.outputs(theta, torch.cat([task.support_x, query[None]]), norm, STEPS)[-1] for query in task.query_x
    ]
    assert torch.allclose(queries_of(learner, phi, task), torch.stack(expected), rtol=0, atol=1e-9)
    # and to be told that none matters to another.
    assert not learner.transductive
    assert queries_of(learner, phi, task).shape == (15, 5)
    assert adapt(learner, phi, task.support_x, task.support_y)(task.query_x[:0]).shape == (0, 5)


@pytest.mark.parametrize("choice", ["set", "support"])
@pytest.mark.parametrize("norm", SETWISE)
def test_meta_training_is_the_same_whatever_unseen_tasks_are_judged_by(norm, choice):
    # Given MAML++ that judges in another way, I expect the same loss in meta-training, and the same φ₀.
    network, task, mode = Conv4Config(channels=8, norm=norm), task_of(), Mode(training=True)
    learners = [loop(MamlPlusPlusConfig, STEPS, network, query_statistics=each) for each in ("averages", choice)]
    losses = [outcome_of(each, phi_of(each), task, mode).loss for each in learners]
    assert torch.equal(*losses)


@pytest.mark.parametrize("choice", ["averages", "set", "support"])
@pytest.mark.parametrize("norm", ["layer", "group", "none"])
def test_what_looks_at_no_set_is_judged_as_ever(norm, choice):
    # Given a network that looks at each example alone, I expect no choice to change anything.
    network, task = Conv4Config(channels=8, norm=norm), task_of()
    learner, plain = (loop(MamlConfig, STEPS, network, query_statistics=each) for each in (choice, "averages"))
    assert torch.equal(queries_of(learner, phi_of(learner), task), queries_of(plain, phi_of(plain), task))
    assert not learner.transductive


def test_the_numbers_of_inner_steps_are_tried_in_the_same_way():
    # Given MAML++ that judges by the set, if several numbers of steps are tried, I expect what each gives by itself.
    learner, task = loop(MamlPlusPlusConfig, STEPS, Conv4Config(channels=8, norm="per_step")), task_of()
    phi = phi_of(learner)
    tried = learner.adapt_by_steps(phi, task.support_x, task.support_y, EVALUATION, torch.Generator(), (1, STEPS))
    assert torch.equal(tried[STEPS](task.query_x), queries_of(learner, phi, task))


def test_new_specs_of_maml_plus_plus_judge_by_the_set_and_recorded_ones_by_averages():
    # Given MAML++ without a word of it, I expect what was published of a new spec,
    spec = RunSpec.model_validate({"learner": {"name": "maml_plus_plus"}})
    assert spec.learner.query_statistics == "set"
    assert spec.schema_version == 2
    # and of a record from before there was a choice the averages, with the hash that it had.
    written = spec.to_json()
    del written["learner"]["query_statistics"]
    old = RunSpec.from_json(written)
    assert old.learner.query_statistics == "averages"
    assert old.to_json() == written
    assert old.schema_version == 1


@pytest.mark.parametrize("name", ["anil", "boil", "layer_rates", "maml", "meta_sgd"])
def test_other_inner_loops_judge_as_they_did(name):
    # Given a spec of another learner that does not ask, I expect nothing new in its record.
    config = LEARNERS[name].Config.model_validate({"name": name}, context=RECORDED)
    assert config == LEARNERS[name].Config()
    assert "query_statistics" not in RunSpec.model_validate({"learner": {"name": name}}).to_json()["learner"]
