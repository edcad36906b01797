"""Each learner by hand on small cases, and what must not change what it learns."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phiforge.episodes import Episode
from phiforge.learners import EVALUATION, LEARNERS, Mode, TaskShape, build_learner
from phiforge.learners.base import accuracy
from phiforge.learners.from_scratch import FromScratchConfig
from phiforge.learners.inner import gradient_steps
from phiforge.learners.maml import MamlConfig
from phiforge.learners.pixel_nearest_neighbour import PixelNearestNeighbourConfig
from phiforge.learners.prototypical import PrototypicalConfig, class_means, squared_distances
from phiforge.networks.conv4 import Conv4Config
from phiforge.randomness import torch_generator

FLAT = Conv4Config(channels=1, norm="none")
SHAPE = (1, 16, 16)
NORMS = ["batch", "layer", "group", "none"]
TRAINING = Mode(training=True, second_order=True)


def random_of(*shape, seed=0, dtype=torch.float64):
    return torch.rand(shape, generator=torch_generator("values", seed), dtype=torch.float64).to(dtype)


def doubles(values):
    return torch.tensor(values, dtype=torch.float64)


def constant_images(*values):
    """Images of one grey each."""
    return doubles(values).view(-1, 1, 1, 1).expand(-1, *SHAPE).contiguous()


def identity_phi():
    """Parameters of FLAT that make the one feature of an image of one grey that grey."""
    kernel = torch.zeros(1, 1, 3, 3, dtype=torch.float64)
    kernel[0, 0, 1, 1] = 1
    phi = {}
    for block in range(4):
        phi |= {f"conv{block}.weight": kernel, f"conv{block}.bias": doubles([0.0])}
        phi |= {f"norm{block}.weight": doubles([1.0]), f"norm{block}.bias": doubles([0.0])}
    return phi


def adapt(learner, phi, x, y, mode=EVALUATION, seed=0):
    return learner.adapt(phi, x, y, mode, torch_generator("learner", seed))


def task_of(n_way=5, k_shot=2, n_query=3, seed=0, dtype=torch.float64, shape=SHAPE):
    return Episode(
        random_of(n_way * k_shot, *shape, seed=seed, dtype=dtype),
        torch.arange(n_way).repeat_interleave(k_shot),
        random_of(n_way * n_query, *shape, seed=seed + 1, dtype=dtype),
        torch.arange(n_way).repeat_interleave(n_query),
    )


def phi_of(learner, dtype=torch.float64):
    return {name: value.to(dtype) for name, value in learner.init_phi(torch_generator("phi")).items()}


# Pixel nearest neighbour


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


# From scratch


@pytest.mark.parametrize("norm", ["batch", "layer", "group"])  # without any, it takes thousands of steps
def test_from_scratch_learns_its_support_set(norm):
    # Given images without any order in them
    config = FromScratchConfig(inner_lr=0.1, inner_steps=150, network=Conv4Config(channels=16, norm=norm))
    task, learner = task_of(dtype=torch.float32), build_learner(config, TaskShape(5, SHAPE))
    # If a network is trained on them, I expect it to have them by heart.
    logits = adapt(learner, {}, task.support_x, task.support_y)(task.support_x)
    assert accuracy(logits, task.support_y).item() == 1.0


def test_from_scratch_depends_on_its_seed_only():
    # Given a model trained from a seed
    learner = build_learner(FromScratchConfig(inner_steps=3), TaskShape(5, SHAPE))
    task = task_of(dtype=torch.float32)

    def logits(phi, mode, seed):
        return adapt(learner, phi, task.support_x, task.support_y, mode, seed)(task.query_x)

    expected = logits({}, EVALUATION, 0)
    # If another φ is given, another mode, or the global generator moved, I expect the same model,
    torch.manual_seed(99)
    assert torch.equal(logits({"conv0.weight": torch.ones(1)}, TRAINING, 0), expected)
    # and another one if the seed is another.
    assert not torch.allclose(logits({}, EVALUATION, 1), expected)


def test_from_scratch_takes_plain_gradient_steps():
    # Given the fresh network that a seed names, if it is trained by torch's own SGD
    config = FromScratchConfig(inner_lr=0.05, inner_steps=4, network=Conv4Config(channels=8))
    learner, task = build_learner(config, TaskShape(5, SHAPE)), task_of()
    theta = {name: value.double().requires_grad_() for name, value in learner.model.init(torch_generator("x")).items()}
    sgd = torch.optim.SGD(theta.values(), lr=0.05)
    for _ in range(4):
        sgd.zero_grad()
        learner.model.loss(theta, task.support_x, task.support_y).backward()
        sgd.step()
    # I expect the same model.
    predict = learner.adapt({}, task.support_x, task.support_y, EVALUATION, torch_generator("x"))
    assert torch.allclose(predict(task.query_x), learner.model.logits(theta, task.query_x), rtol=1e-9, atol=1e-9)


# ProtoNet


def test_prototypical_logits_by_hand():
    # Given an embedding that gives back an image's grey, and two shots of 3 classes in no order
    learner = build_learner(PrototypicalConfig(network=FLAT), TaskShape(3, SHAPE))
    support, labels = constant_images(1, 2, 6, 3, 4, 8), torch.tensor([0, 1, 2, 0, 1, 2])
    # If queries of grey 2 and 5 are asked for
    logits = adapt(learner, identity_phi(), support, labels)(constant_images(2, 5))
    # I expect minus the squared distances to the prototypes 2, 3 and 7.
    assert logits.tolist() == [[0, -1, -25], [-9, -4, -4]]


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


# MAML


def test_maml_inner_step_by_hand():
    # Given a head of zeros, so that the first step moves the head alone, and greys 1 and 3 of classes 0 and 1
    learner = build_learner(MamlConfig(inner_lr=0.5, inner_steps=1, network=FLAT), TaskShape(2, SHAPE))
    phi = identity_phi() | {"head.weight": doubles([[0.0], [0.0]]), "head.bias": doubles([0.0, 0.0])}
    predict = adapt(learner, phi, constant_images(1, 3), torch.tensor([0, 1]), Mode(training=True))
    # If the loss is the mean cross-entropy of two even chances, its gradient is Σ (1/2 - [label]) grey / 2:
    # (-1/2 · 1 + 1/2 · 3) / 2 = 1/2 for the first weight, minus that for the second, and 0 for the biases.
    # I expect weights -1/4 and 1/4.
    logits = predict(constant_images(1, 4, 0))
    assert logits.tolist() == [[-0.25, 0.25], [-1.0, 1.0], [0.0, 0.0]]


def quadratic(parameters):
    """Half of 3 x² + 2 x y + y²."""
    x, y = parameters["x"], parameters["y"]
    return 1.5 * x**2 + x * y + 0.5 * y**2


@pytest.mark.parametrize(("keep_graph", "slope"), [(True, [0.7 - 0.1, 0.9 - 0.1]), (False, [1.0, 1.0])])
def test_gradient_steps_by_hand(keep_graph, slope):
    # Given a start at (2, 1), where the gradient is (3·2 + 1, 2 + 1)
    start = {"x": doubles(2.0).requires_grad_(), "y": doubles(1.0).requires_grad_()}
    moved = gradient_steps(quadratic, start, 0.1, 1, keep_graph=keep_graph)
    # I expect a step of a tenth of it,
    assert [moved["x"].item(), moved["y"].item()] == pytest.approx([2 - 0.7, 1 - 0.3])
    # and the derivative of x + y after the step to be the row sums of 1 - H / 10 in second order, 1 in first.
    found = torch.autograd.grad(moved["x"] + moved["y"], [start["x"], start["y"]])
    assert [each.item() for each in found] == pytest.approx(slope)


@pytest.mark.parametrize("keep_graph", [True, False])
def test_gradient_steps_follow_the_powers_of_the_matrix(keep_graph):
    # Given a quadratic with matrix H, I expect (1 - rate · H)^steps times the start.
    matrix = torch.eye(2, dtype=torch.float64) - 0.1 * doubles([[3.0, 1.0], [1.0, 1.0]])
    start = {"x": doubles(2.0).requires_grad_(), "y": doubles(1.0).requires_grad_()}
    for steps in range(6):
        moved = gradient_steps(quadratic, start, 0.1, steps, keep_graph=keep_graph)
        expected = torch.linalg.matrix_power(matrix, steps) @ doubles([2.0, 1.0])
        assert [moved["x"].item(), moved["y"].item()] == pytest.approx(expected.tolist())


def test_gradient_steps_leave_their_start_alone_and_work_without_gradients():
    # Given a place where gradients are off, as in evaluation, I expect the same steps and an untouched start.
    start = {"x": doubles(2.0), "y": doubles(1.0)}
    with torch.no_grad():
        moved = gradient_steps(quadratic, start, 0.1, 1, keep_graph=False)
    assert [moved["x"].item(), moved["y"].item()] == pytest.approx([1.3, 0.7])
    assert [start["x"].item(), start["y"].item()] == [2.0, 1.0]
    assert not start["x"].requires_grad


def test_maml_takes_more_steps_on_unseen_tasks():
    # Given two steps in training and four in evaluation
    config = MamlConfig(inner_lr=0.1, inner_steps=2, inner_steps_evaluation=4, network=Conv4Config(channels=8))
    learner, task = build_learner(config, TaskShape(5, SHAPE)), task_of()
    phi = phi_of(learner)
    # I expect what as many steps of torch's own SGD give.
    for mode, steps in ((Mode(training=True), 2), (EVALUATION, 4)):
        theta = {name: value.clone().requires_grad_() for name, value in phi.items()}
        sgd = torch.optim.SGD(theta.values(), lr=0.1)
        for _ in range(steps):
            sgd.zero_grad()
            learner.model.loss(theta, task.support_x, task.support_y).backward()
            sgd.step()
        found = adapt(learner, phi, task.support_x, task.support_y, mode)(task.query_x)
        assert torch.allclose(found, learner.model.logits(theta, task.query_x), rtol=1e-9, atol=1e-9)


# All of them


CONFIGS = [
    *(MamlConfig(inner_lr=0.1, network=Conv4Config(channels=8, norm=norm)) for norm in NORMS),
    *(PrototypicalConfig(network=Conv4Config(channels=8, norm=norm)) for norm in NORMS),
    *(FromScratchConfig(inner_steps=3, network=Conv4Config(channels=8, norm=norm)) for norm in NORMS),
    PixelNearestNeighbourConfig(),
]


def named(config):
    return config.name + (f"-{config.network.norm}" if hasattr(config, "network") else "")


@pytest.mark.parametrize("config", CONFIGS, ids=named)
def test_the_order_of_the_support_set_does_not_matter(config):
    # Given a task, if its support examples come in another order, I expect the same logits.
    learner, task = build_learner(config, TaskShape(5, SHAPE)), task_of()
    phi = phi_of(learner)
    expected = adapt(learner, phi, task.support_x, task.support_y)(task.query_x)
    order = torch.randperm(10, generator=torch_generator("order"))
    found = adapt(learner, phi, task.support_x[order], task.support_y[order])(task.query_x)
    assert torch.allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("config", CONFIGS, ids=named)
def test_only_transductive_learners_look_at_the_other_queries(config):
    # Given a task, if a query is asked for with two others instead of all
    learner, task = build_learner(config, TaskShape(5, SHAPE)), task_of()
    predict = adapt(learner, phi_of(learner), task.support_x, task.support_y)
    all_at_once, few = predict(task.query_x), predict(task.query_x[:3])
    # I expect another prediction exactly where the learner says so.
    assert torch.allclose(few, all_at_once[:3], rtol=0, atol=1e-9) != learner.transductive


@pytest.mark.parametrize("config", CONFIGS, ids=named)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_the_outcome_is_of_the_query_set(config, dtype):
    # Given a task, I expect its loss and accuracy to be those of the logits of its query set, in the type given,
    learner, task = build_learner(config, TaskShape(5, SHAPE)), task_of(dtype=dtype)
    phi = phi_of(learner, dtype)
    before = {name: value.clone() for name, value in phi.items()}
    outcome = learner.query_outcome(phi, task, EVALUATION, torch_generator("learner", 0))
    logits = adapt(learner, phi, task.support_x, task.support_y)(task.query_x)
    assert logits.dtype == outcome.loss.dtype == dtype
    rows = [torch.log_softmax(row, 0)[label].item() for row, label in zip(logits, task.query_y, strict=True)]
    assert outcome.loss.item() == pytest.approx(-sum(rows) / len(rows), rel=1e-5)
    right = sum(int(row.argmax()) == int(label) for row, label in zip(logits, task.query_y, strict=True))
    assert outcome.accuracy.item() == pytest.approx(right / 15)
    # and φ not to be touched.
    assert all(torch.equal(phi[name], value) for name, value in before.items())


@pytest.mark.parametrize("config", CONFIGS, ids=named)
def test_phi_is_drawn_from_the_generator_alone(config):
    learner = build_learner(config, TaskShape(5, SHAPE))
    first, again = phi_of(learner, torch.float32), phi_of(learner, torch.float32)
    assert first.keys() == again.keys()
    assert all(torch.equal(first[name], again[name]) and first[name].is_contiguous() for name in first)
    assert bool(first) == learner.learns


def test_accuracy_by_hand():
    logits = torch.tensor([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]])
    assert accuracy(logits, torch.tensor([1, 1, 1])).item() == pytest.approx(2 / 3)


def test_every_learner_is_listed_under_its_name():
    assert {config.name for config in CONFIGS} == set(LEARNERS)
    assert all(learner.name == name for name, learner in LEARNERS.items())
