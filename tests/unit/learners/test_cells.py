"""Every learner that takes a network takes one of cells, also one that does not look at its input."""

import pytest
import torch

from phiforge.learning.generators import torch_generator
from phiforge.registry import LEARNERS
from phiforge.spec.cells.edges import edges_of
from tests.unit.cases import adapt, learner_of, phi_of, task_of
from tests.unit.learners.kinds import SETTINGS, TRAINING, config_of
from tests.unit.spec.cases import problems_of

CELLS = {
    "with a dead end": {"0-1": "conv3x3", "0-2": "conv1x1", "1-2": "none"},
    "of all": {"0-1": "pool3x3", "0-2": "skip", "1-2": "conv3x3"},
    "that is constant": dict.fromkeys(edges_of(3), "none"),
}
OF_LAYERS = {"meta_dropout"}
"""Learners that perturb what layers put out, which cells do not let them."""


def network(cell):
    return {"name": "cell", "channels": 4, "stages": 2, "normal": CELLS[cell]}


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("name", [name for name in SETTINGS if name not in OF_LAYERS])
def test_learners_of_cells(name, cell):
    # Given a learner with a network of cells, and φ that requires gradients
    learner = learner_of(config_of(name, **SETTINGS[name], network=network(cell)), 3)
    phi = {key: value.requires_grad_() for key, value in phi_of(learner).items()}
    task = task_of(3)
    # If it learns a task in meta-training, I expect a loss and a gradient that are numbers,
    outcome = learner.query_outcome(phi, task, TRAINING, torch_generator("learner"))
    assert outcome.loss.isfinite()
    if phi and outcome.loss.requires_grad:
        slopes = torch.autograd.grad(outcome.loss, list(phi.values()), allow_unused=True, materialize_grads=True)
        assert all(each.isfinite().all() for each in slopes)
    # and of unseen tasks logits that are numbers: of a constant network the same for every query.
    logits = adapt(learner, phi, task.support_x, task.support_y)(task.query_x)
    assert logits.shape == (9, 3)
    assert logits.isfinite().all()
    if cell == "that is constant":
        assert torch.allclose(logits, logits[:1].expand_as(logits), rtol=0, atol=1e-9)


def test_every_learner_with_a_network_is_here():
    # Given all learners but those that search among cells, whose network is another, I expect each to be tried.
    with_network = {
        name for name, each in LEARNERS.items() if "network" in each.Config.model_fields and each.supervised
    }
    assert with_network - {name for name, each in LEARNERS.items() if each.searches} == SETTINGS.keys()


@pytest.mark.parametrize("name", sorted(OF_LAYERS))
def test_learners_that_take_no_cells_say_what_they_take(name):
    # Given a learner that perturbs layers, on cells, I expect one sentence with the networks that it takes.
    (found,) = problems_of({"learner": {"name": name, "network": {"name": "cell"}}})
    assert found == "learner.network.name: 'cell' is unknown; allowed: conv4, conv6, mlp"
