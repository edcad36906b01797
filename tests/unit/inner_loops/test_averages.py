"""Which passes of an inner loop are noted for the averages in φ, and how unseen tasks use them."""

import pytest
import torch

from phiforge.learning.learners import EVALUATION, Mode
from phiforge.learning.learners.maml import MamlConfig
from phiforge.learning.learners.maml_plus_plus import MamlPlusPlusConfig
from phiforge.learning.learners.meta_sgd import MetaSgdConfig
from phiforge.learning.networks.bases.normalisation import is_statistic, mean_statistics
from phiforge.learning.networks.conv4 import Conv4Config
from tests.unit.cases import adapt, outcome_of, phi_of, task_of
from tests.unit.inner_loops.cases import PER_STEP, loop, moved, queries_of


@pytest.mark.parametrize("config", [MamlConfig, MetaSgdConfig, MamlPlusPlusConfig])
@pytest.mark.parametrize("norm", ["running", "per_step"])
def test_what_meta_training_notes(norm, config):
    # Given an inner loop of two steps on a network that keeps averages
    learner, task = loop(config, network=Conv4Config(channels=8, norm=norm), query_statistics="averages"), task_of()
    phi, mode = phi_of(learner), Mode(training=True, progress=1.0)
    queries_of(learner, phi, task, mode)
    # I expect the pass over the queries, after the last step, to be noted of every layer,
    assert mode.noted.keys() == {name for name in phi if is_statistic(name)}
    assert {tuple(step for step, _ in values) for values in mode.noted.values()} == {(2,)}
    # in a shape that φ can take, and nothing on unseen tasks.
    means = mean_statistics(phi, mode.noted)
    assert {name: value.shape for name, value in means.items()} == {name: phi[name].shape for name in means}
    assert not moved(means, phi) - means.keys()
    queries_of(learner, phi, task)
    assert EVALUATION.noted == {}
    # With the averages of this very task's passes, I expect an unseen task to be normalised otherwise.
    assert not torch.allclose(queries_of(learner, phi | means, task), queries_of(learner, phi, task))


def test_queries_of_every_step_are_normalised_by_their_step():
    # Given MAML++ at its first version, when the loss of every step counts
    learner, task, mode = loop(MamlPlusPlusConfig, network=PER_STEP), task_of(), Mode(training=True)
    outcome_of(learner, phi_of(learner), task, mode)
    # I expect the passes over the queries to be noted after each step.
    assert {tuple(step for step, _ in values) for values in mode.noted.values()} == {(1, 2)}


@pytest.mark.parametrize("config", [MamlConfig, MetaSgdConfig, MamlPlusPlusConfig])
@pytest.mark.parametrize("norm", ["running", "per_step"])
def test_unseen_tasks_are_learned_as_in_meta_training(norm, config):
    # Given an inner loop on a network that keeps averages
    learner, task = loop(config, network=Conv4Config(channels=8, norm=norm), query_statistics="averages"), task_of()
    phi = phi_of(learner)
    # I expect as many steps on an unseen task to end at the same parameters as in meta-training,
    paths = [learner.path(phi, task.support_x, task.support_y, mode) for mode in (Mode(training=True), EVALUATION)]
    steps = min(map(len, paths))
    assert all(torch.equal(paths[0][steps - 1][name], paths[1][steps - 1][name]) for name in paths[0][0])
    # and its queries to be predicted one by one: they are normalised by the averages alone.
    predict = adapt(learner, phi, task.support_x, task.support_y)
    assert torch.allclose(predict(task.query_x)[:1], predict(task.query_x[:1]))
