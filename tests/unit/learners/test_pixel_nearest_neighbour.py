"""The nearest neighbour in pixels, by hand and against a loop."""

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import TaskShape, build_learner
from phiforge.learning.learners.pixel_nearest_neighbour import PixelNearestNeighbourConfig
from tests.unit.cases import SHAPE, adapt, doubles, random_of, task_of


def test_pixel_nearest_neighbour_by_hand():
    # Given images of two pixels, two of each of three classes
    support = doubles([[0, 0], [9, 9], [0, 4], [3, 3], [8, 0], [0, 9]]).view(6, 1, 1, 2)
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    learner = build_learner(PixelNearestNeighbourConfig(), TaskShape(3, (1, 1, 2)))
    predict = adapt(learner, {}, support, labels)
    # If these are asked for
    logits = predict(doubles([[1, 0], [3, 4], [7, 1], [8, 8], [0, 7]]).view(5, 1, 1, 2))
    # I expect minus the squared distance to the nearest image of each class, so that its largest is the nearest's.
    assert logits.tolist() == [
        [-1, -13, -49],
        [-25, -1, -34],
        [-50, -20, -2],
        [-2, -50, -64],
        [-49, -9, -4],
    ]
    assert logits.argmax(1).tolist() == [0, 1, 2, 0, 2]
    assert learner.init_phi(torch_generator()) == {}
    assert not learner.transductive
    assert not learner.learns


@given(st.integers(2, 5), st.integers(1, 4), st.integers(1, 6), st.integers(0, 2**32))
def test_pixel_nearest_neighbour_against_a_loop(n_way, k_shot, queries, seed):
    # Given any task, I expect each query to have the label of the support image at the least distance.
    support, query = random_of(n_way * k_shot, 1, 3, 2, seed=seed), random_of(queries, 1, 3, 2, seed=seed + 1)
    labels = torch.arange(n_way).repeat(k_shot)
    learner = build_learner(PixelNearestNeighbourConfig(), TaskShape(n_way, (1, 3, 2)))
    found = adapt(learner, {}, support, labels)(query).argmax(1).tolist()
    distances = [[math.dist(each, other) for other in support.flatten(1)] for each in query.flatten(1)]
    nearest = [row.index(min(row)) for row in distances]
    assert found == labels[nearest].tolist()


def test_an_image_of_the_support_set_is_its_own_neighbour():
    task = task_of()
    learner = build_learner(PixelNearestNeighbourConfig(), TaskShape(5, SHAPE))
    logits = adapt(learner, {}, task.support_x, task.support_y)(task.support_x)
    assert logits.max(1).values.tolist() == [0.0] * 10
    assert logits.argmax(1).tolist() == task.support_y.tolist()
