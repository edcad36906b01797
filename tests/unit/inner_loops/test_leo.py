"""LEO draws and pays in meta-training only, and learns its support set by steps in both spaces."""

import pytest
import torch
import torch.nn.functional as F

from phiforge.learning.learners.leo import LeoConfig
from tests.unit.cases import adapt, learner_of, outcome_of, phi_of, task_of
from tests.unit.inner_loops.cases import LAYER, TRAINING, queries_of


def leo(**settings):
    return learner_of(LeoConfig(latent=4, latent_steps=2, finetuning_steps=2, network=LAYER, **settings))


def test_leo_draws_in_training_only():
    # Given codes and weights that are drawn in meta-training, I expect the means of both on unseen tasks.
    learner, task = leo(), task_of()
    phi = phi_of(learner)
    first, other = (outcome_of(learner, phi, task, seed=seed).loss for seed in (0, 1))
    assert torch.equal(first, other)
    first, again, other = (outcome_of(learner, phi, task, TRAINING, seed).loss for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_what_leo_pays_for_in_training():
    # Given a task, without penalties I expect the query loss of the model itself,
    free, task = leo(kl_weight=0, encoder_weight=0), task_of()
    phi = phi_of(free)
    plain = outcome_of(free, phi, task, TRAINING).loss
    logits = queries_of(free, phi, task, TRAINING)
    assert plain.item() == pytest.approx(F.cross_entropy(logits, task.query_y).item(), rel=1e-9)
    # with them more, in proportion to each, and on unseen tasks nothing.
    for name in ("kl_weight", "encoder_weight"):
        weights = {"kl_weight": 0.0, "encoder_weight": 0.0}
        one, two = (outcome_of(leo(**weights | {name: w}), phi, task, TRAINING).loss - plain for w in (1.0, 2.0))
        assert one > 0
        assert two.item() == pytest.approx(2 * one.item())
        unseen = outcome_of(leo(**weights | {name: 5.0}), phi, task).loss
        assert torch.equal(unseen, outcome_of(free, phi, task).loss)


def test_leo_learns_its_support_set_by_more_steps():
    # Given steps in the code and in the weights, I expect each to make the support loss smaller.
    task, losses = task_of(), []
    for latent_steps, finetuning_steps in ((1, 0), (5, 0), (5, 5)):
        settings = {"latent_lr": 0.1, "finetuning_lr": 0.1, "network": LAYER}
        learner = learner_of(LeoConfig(latent_steps=latent_steps, finetuning_steps=finetuning_steps, **settings))
        predict = adapt(learner, phi_of(learner), task.support_x, task.support_y)
        losses.append(F.cross_entropy(predict(task.support_x), task.support_y).item())
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > losses[1] > losses[2]
