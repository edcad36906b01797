"""Augmentation in φ: what each operation does, how a policy is drawn, and that it learns what helps."""

import math

import pytest
import torch
from pydantic import ValidationError

from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import EVALUATION, Mode
from phiforge.learning.learners.augmented_maml import AugmentedMamlConfig
from phiforge.learning.learners.augmented_prototypical import AugmentedPrototypicalConfig
from phiforge.learning.learners.bases.augmentation.operations import LARGEST, augmented
from phiforge.learning.learners.bases.augmentation.policy import PROBABILITY, STRENGTH, applied, fresh_policy, in_words
from phiforge.learning.networks.conv4 import Conv4Config
from tests.unit.cases import adapt, doubles, learner_of, outcome_of, phi_of, random_of, task_of

SIDE = 16
NETWORK = Conv4Config(channels=4, norm="layer")
OPERATIONS = tuple(LARGEST)


def images_of(count=3, channels=2):
    return random_of(count, channels, SIDE, SIDE)


def whole(amount, count=3):
    return torch.full((count,), amount, dtype=torch.float64)


def test_nought_does_nothing():
    # Given images, if every operation does nought of itself, I expect the images.
    images = images_of()
    found = augmented(images, {name: whole(0.0) for name in OPERATIONS})
    assert torch.allclose(found, images, atol=1e-12)
    assert torch.allclose(augmented(images, {}), images, atol=1e-12)


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ({"translate_x": 2 * 2 / SIDE}, lambda x: torch.cat([x[..., :1], x[..., :1], x[..., :-2]], dim=3)),
        ({"translate_y": -2 / SIDE}, lambda x: torch.cat([x[:, :, 1:], x[:, :, -1:]], dim=2)),
        ({"rotate": math.pi / 2}, lambda x: torch.rot90(x, -1, (2, 3))),
        ({"brightness": 0.25}, lambda x: x + 0.25),
        ({"contrast": math.log(2)}, lambda x: 2 * x - x.mean(dim=(1, 2, 3), keepdim=True)),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_operations_by_hand(amounts, expected):
    # Given images and an amount of one operation, I expect what it says: to the right, up by one pixel, a quarter turn
    # with the clock, lighter, twice as far from the mean; beyond an edge is as the edge.
    images = images_of()
    found = augmented(images, {name: whole(amount) for name, amount in amounts.items()})
    assert torch.allclose(found, expected(images), atol=1e-9)


def test_a_larger_scale_shows_less():
    # Given an image with a square in its middle, if it is scaled by two, I expect a square of four times the area.
    image = torch.zeros(1, 1, SIDE, SIDE, dtype=torch.float64)
    image[..., 6:10, 6:10] = 1
    found = augmented(image, {"scale": whole(math.log(2), 1)})
    assert found.sum() == pytest.approx(4 * 16, rel=0.02)


def test_shear_moves_rows_apart():
    # Given a column in the middle, if it is sheared, I expect the rows above to go one way and those below the other.
    image = torch.zeros(1, 1, SIDE, SIDE, dtype=torch.float64)
    image[..., 7:9] = 1
    found = augmented(image, {"shear": whole(0.5, 1)})[0, 0]
    places = (found * torch.arange(SIDE)).sum(dim=1) / found.sum(dim=1)
    assert (places[1:] < places[:-1]).all()


def test_draws_are_as_probable_as_the_policy_says():
    # Given a policy of one operation, hardly relaxed, of probability 0.3 and half of its strength
    policy = {PROBABILITY: doubles([0.3]).logit(), STRENGTH: doubles([0.5]).logit()}
    black = torch.zeros(2000, 1, 1, 1, dtype=torch.float64)
    found = applied(policy, ["brightness"], black, 1e-3, torch_generator("draws")).flatten()
    # I expect it to be done as often, by up to half of the largest amount, up and down alike.
    assert (found.abs() > 1e-6).double().mean() == pytest.approx(0.3, abs=0.04)
    assert found.abs().max() == pytest.approx(0.25, abs=0.01)
    assert found.mean() == pytest.approx(0, abs=0.01)


def test_a_fresh_policy_in_words():
    # Given a fresh policy, I expect what it was made of.
    found = in_words(fresh_policy(("rotate", "scale"), 0.5, 0.2), ("rotate", "scale"))
    assert found["rotate"] == pytest.approx({"probability": 0.5, "largest": 0.2 * math.pi / 4})
    assert found["scale"] == pytest.approx({"probability": 0.5, "largest": 0.1})


def test_copies_join_the_support_set():
    # Given two copies of each of ten support images
    learner = learner_of(AugmentedPrototypicalConfig(copies=2, network=NETWORK))
    phi, task = phi_of(learner), task_of()
    images, labels = learner.augmented(phi, task.support_x, task.support_y, torch_generator("copies"))
    # I expect the images, then their copies, no two alike, with the labels that they are copies of.
    assert torch.equal(images[:10], task.support_x)
    assert images.shape == (30, *task.support_x.shape[1:])
    assert torch.equal(labels, task.support_y.repeat(3))
    assert len({tuple(image.flatten().tolist()) for image in images}) == 30


@pytest.mark.parametrize("config", [AugmentedMamlConfig, AugmentedPrototypicalConfig])
def test_draws_are_named_by_the_generator_alone(config):
    # Given a task and generators of two names, I expect the same logits from the same name, others from another.
    learner = learner_of(config(network=NETWORK))
    phi, task = phi_of(learner), task_of()
    first, again, other = (
        adapt(learner, phi, task.support_x, task.support_y, EVALUATION, seed)(task.query_x) for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_a_policy_learns_what_helps():
    # Given one task whose queries are its support images, lighter by a quarter, and a policy of brightness alone
    config = AugmentedPrototypicalConfig(copies=4, operations=("brightness",), strength=0.2, network=NETWORK)
    learner = learner_of(config)
    phi, task = phi_of(learner), task_of(k_shot=1, n_query=1)
    task = type(task)(task.support_x, task.support_y, task.support_x + 0.25, task.support_y, task.classes)
    leaf = phi[STRENGTH].requires_grad_()
    mode = Mode(training=True, second_order=True)
    losses = [outcome_of(learner, {**phi, STRENGTH: leaf}, task, mode, seed).loss for seed in range(20)]
    (slope,) = torch.autograd.grad(torch.stack(losses).sum(), leaf)
    # I expect a slope in its strength that is a number other than nought.
    assert slope.isfinite().all()
    assert slope.abs().item() > 1e-6


def test_an_operation_may_be_named_once():
    # Given an operation twice, I expect an error.
    with pytest.raises(ValidationError, match="each may be named once"):
        AugmentedMamlConfig(operations=("rotate", "rotate"))
