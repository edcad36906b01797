"""Prototypes, distances and what else metric learners are made of, by hand."""

import pytest
import torch

from phiforge.learning.learners import TaskShape, build_learner
from phiforge.learning.learners.bases.metric import class_means, largest_of_class, squared_distances
from phiforge.learning.learners.prototypical import PrototypicalConfig
from tests.unit.cases import FLAT, SHAPE, adapt, constant_images, doubles, identity_phi, phi_of, task_of


def test_prototypical_logits_by_hand():
    # Given an embedding that gives back an image's grey, and two shots of 3 classes in no order
    learner = build_learner(PrototypicalConfig(network=FLAT), TaskShape(3, SHAPE))
    support, labels = constant_images(1, 2, 6, 3, 4, 8), torch.tensor([0, 1, 2, 0, 1, 2])
    # If queries of grey 2 and 5 are asked for
    logits = adapt(learner, identity_phi(), support, labels)(constant_images(2, 5))
    # I expect minus the squared distances to the prototypes 2, 3 and 7.
    assert logits.tolist() == [[0, -1, -25], [-9, -4, -4]]


def test_largest_of_class_by_hand():
    scores = doubles([[1, 5, 2, -7], [0, -3, -2, -1]])
    assert largest_of_class(scores, torch.tensor([1, 0, 1, 2]), 3).tolist() == [[5, 2, -7], [-3, 0, -1]]


def test_class_means_and_distances_by_hand():
    means = class_means(doubles([[1, 2], [3, 4], [10, 0]]), torch.tensor([1, 1, 0]), 2)
    assert means.tolist() == [[10, 0], [2, 3]]
    assert squared_distances(doubles([[0, 0], [3, 4]]), doubles([[3, 4], [0, 1], [0, 0]])).tolist() == [
        [25, 1, 0],
        [0, 18, 25],
    ]


@pytest.mark.parametrize("n_way", [2, 5, 7])
def test_one_phi_serves_any_number_of_ways(n_way):
    # Given φ of 5 ways, if tasks have others, I expect a logit for each way.
    phi = phi_of(build_learner(PrototypicalConfig(), TaskShape(5, SHAPE)))
    task = task_of(n_way)
    learner = build_learner(PrototypicalConfig(), TaskShape(n_way, SHAPE))
    assert adapt(learner, phi, task.support_x, task.support_y)(task.query_x).shape == (3 * n_way, n_way)
