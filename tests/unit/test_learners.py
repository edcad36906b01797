"""Each learner by hand on small cases, and what must not change what it learns."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from phiforge.errors import SpecError
from phiforge.learners import EVALUATION, LEARNERS, LearnerConfig, Mode, TaskShape, build_learner
from phiforge.learners.base import TOLERANCE, accuracy, task_loss
from phiforge.learners.from_scratch import FromScratchConfig
from phiforge.learners.gradient import descended, gradients_at
from phiforge.learners.maml import MamlConfig
from phiforge.learners.metric import class_means, largest_of_class, squared_distances
from phiforge.learners.pixel_nearest_neighbour import PixelNearestNeighbourConfig
from phiforge.learners.prototypical import PrototypicalConfig
from phiforge.networks.conv4 import Conv4Config
from phiforge.networks.normalisation import is_statistic
from phiforge.randomness import torch_generator
from phiforge.spec.read import parse_spec
from tests.unit.cases import (
    FLAT,
    SHAPE,
    adapt,
    constant_images,
    doubles,
    identity_phi,
    learner_of,
    outcome_of,
    phi_of,
    random_of,
    regression_of,
    task_of,
)

TRAINING = Mode(training=True, second_order=True)


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
        task_loss(learner.model.outputs(theta, task.support_x), task.support_y).backward()
        sgd.step()
    # I expect the same model.
    predict = learner.adapt({}, task.support_x, task.support_y, EVALUATION, torch_generator("x"))
    assert torch.allclose(predict(task.query_x), learner.model.outputs(theta, task.query_x), rtol=1e-9, atol=1e-9)


# ProtoNet


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


def test_maml_works_where_gradients_are_off():
    # Given that step in a place where gradients are off, as in evaluation
    config = MamlConfig(inner_lr=0.5, inner_steps_evaluation=1, network=FLAT)
    learner = build_learner(config, TaskShape(2, SHAPE))
    phi = identity_phi() | {"head.weight": doubles([[0.0], [0.0]]), "head.bias": doubles([0.0, 0.0])}
    with torch.no_grad():
        logits = adapt(learner, phi, constant_images(1, 3), torch.tensor([0, 1]))(constant_images(1, 4, 0))
    # I expect the same, and φ to be untouched.
    assert logits.tolist() == [[-0.25, 0.25], [-1.0, 1.0], [0.0, 0.0]]
    assert phi["head.weight"].tolist() == [[0.0], [0.0]]
    assert not any(value.requires_grad for value in phi.values())


def quadratic(parameters):
    """Half of 3 x² + 2 x y + y²."""
    x, y = parameters["x"], parameters["y"]
    return 1.5 * x**2 + x * y + 0.5 * y**2


def gradient_steps(loss, start, rate, steps, *, keep_graph):
    theta = dict(start)
    for _ in range(steps):
        theta = descended(theta, gradients_at(loss, theta, theta, keep_graph=keep_graph), rate)
    return theta


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


def test_gradient_steps_leave_their_start_alone():
    # Given a start that wants no gradients, I expect the same steps and an untouched start.
    start = {"x": doubles(2.0), "y": doubles(1.0)}
    moved = gradient_steps(quadratic, start, 0.1, 1, keep_graph=False)
    assert [moved["x"].item(), moved["y"].item()] == pytest.approx([1.3, 0.7])
    assert [start["x"].item(), start["y"].item()] == [2.0, 1.0]
    assert not start["x"].requires_grad


def test_only_what_moves_has_a_gradient():
    # Given a quadratic of which y does not move, I expect the slope in x alone, and none of it from y.
    start = {"x": doubles(2.0), "y": doubles(1.0)}
    found = gradients_at(quadratic, start, {"x": start["x"]}, keep_graph=False)
    assert {name: value.item() for name, value in found.items()} == {"x": 7.0}


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
            task_loss(learner.model.outputs(theta, task.support_x), task.support_y).backward()
            sgd.step()
        found = adapt(learner, phi, task.support_x, task.support_y, mode)(task.query_x)
        assert torch.allclose(found, learner.model.outputs(theta, task.query_x), rtol=1e-9, atol=1e-9)


# All of them


INNER = {"inner_lr": 0.1, "inner_steps": 2, "inner_steps_evaluation": 3}
SETTINGS = {
    "anil": INNER,
    "boil": INNER,
    "chosen_training": {"steps": [1, 3], "rates": [0.05, 0.1]},
    "from_scratch": {"inner_steps": 3},
    "layer_rates": INNER | {"weight_decay": 0.1},
    "learned_optimizer": INNER | {"units": 4},
    "leo": {"latent": 4, "latent_steps": 2, "finetuning_steps": 2},
    "maml": INNER,
    "maml_plus_plus": INNER,
    "matching": {},
    "meta_lstm": INNER | {"units": 4},
    "meta_sgd": INNER,
    "pooled": {"finetuning_steps": 5},
    "prototypical": {},
    "r2d2": {},
    "relation": {},
    "siamese": {},
}
"""Learners that have a network, each with settings that make it quick."""
FORGETFUL = {"chosen_training", "from_scratch", "learned_optimizer", "meta_lstm"}
"""Those that keep no averages."""


def config_of(name, **settings):
    return TypeAdapter(LearnerConfig).validate_python({"name": name} | settings)


def conv4(norm):
    return {"name": "conv4", "channels": 8, "norm": norm}


CONFIGS = [
    *(
        config_of(name, **settings, network=conv4(norm))
        for name, settings in SETTINGS.items()
        for norm in ("batch", "layer", "none", *(() if name in FORGETFUL else ("running",)))
    ),
    *(config_of(name, **SETTINGS[name], network=conv4("group")) for name in ("from_scratch", "maml", "prototypical")),
    *(config_of(name, **SETTINGS[name], network=conv4("per_step")) for name in ("maml", "maml_plus_plus", "relation")),
    config_of("pooled", finetuning_steps=5, cosine=True, network=conv4("layer")),
    config_of("matching", full_context=True, steps=2, network=conv4("layer")),
    config_of("learned_optimizer", **INNER, units=4, learn_start=False, network=conv4("layer")),
    config_of("maml_plus_plus", **INNER, learned_rates=False, network=conv4("layer")),
    PixelNearestNeighbourConfig(),
]
OF_EACH_KIND = [config for config in CONFIGS if not hasattr(config, "network") or config.network.norm == "layer"]
ORDERED = [config for config in CONFIGS if getattr(config, "full_context", False)]
"""Those that read the support set as a sequence."""


def named(config):
    special = "".join(f"-{each}" for each in ("cosine", "full_context") if getattr(config, each, False))
    special += "".join(f"-no_{each}" for each in ("learn_start", "learned_rates") if not getattr(config, each, True))
    return config.name + special + (f"-{config.network.norm}" if hasattr(config, "network") else "")


@pytest.mark.parametrize("config", [each for each in CONFIGS if each not in ORDERED], ids=named)
def test_the_order_of_the_support_set_does_not_matter(config):
    # Given a task, if its support examples come in another order, I expect the same logits.
    learner, task = learner_of(config), task_of()
    phi = phi_of(learner)
    expected = adapt(learner, phi, task.support_x, task.support_y)(task.query_x)
    order = torch.randperm(10, generator=torch_generator("order"))
    found = adapt(learner, phi, task.support_x[order], task.support_y[order])(task.query_x)
    assert torch.allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("config", CONFIGS, ids=named)
def test_only_transductive_learners_look_at_the_other_queries(config):
    # Given a task, if its queries are asked for with two others, or one by one, instead of all at once
    learner, task = learner_of(config), task_of()
    predict = adapt(learner, phi_of(learner), task.support_x, task.support_y)
    all_at_once, few = predict(task.query_x), predict(task.query_x[:3])
    alone = torch.cat([predict(query[None]) for query in task.query_x])
    # I expect another prediction exactly where the learner says so.
    assert torch.allclose(few, all_at_once[:3], rtol=0, atol=1e-9) != learner.transductive
    assert torch.allclose(alone, all_at_once, rtol=0, atol=1e-9) != learner.transductive


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


@pytest.mark.parametrize("config", CONFIGS, ids=named)
def test_evaluation_needs_no_gradients(config):
    # Given a task, if it is judged where gradients are off, I expect the same predictions, and nothing remembered:
    learner, task = learner_of(config), task_of()
    phi = phi_of(learner)
    expected = adapt(learner, phi, task.support_x, task.support_y)(task.query_x)
    with torch.no_grad():
        found = adapt(learner, phi, task.support_x, task.support_y)(task.query_x)
        outcome = outcome_of(learner, phi, task)
    assert torch.equal(found, expected)
    assert outcome.loss.isfinite()
    assert 0 <= outcome.accuracy <= 1
    # no gradient wanted of φ, and no statistics noted where all tasks would share them.
    assert not any(value.requires_grad for value in phi.values())
    assert EVALUATION.noted == {}


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


@pytest.mark.parametrize("name", sorted(name for name, each in LEARNERS.items() if each.regresses))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_learners_that_regress(name, dtype):
    # Given a line to be learned, I expect one value for each x, and the loss to be the mean squared error,
    learner = learner_of(config_of(name, **SETTINGS[name], network={"name": "mlp"}), 1, (1,), regression=True)
    phi, task = phi_of(learner, dtype), regression_of(dtype=dtype)
    outcome, values = outcome_of(learner, phi, task), adapt(learner, phi, task.support_x, task.support_y)(task.query_x)
    assert values.shape == (9, 1)
    assert values.dtype == outcome.loss.dtype == dtype
    errors = [found.item() - wanted.item() for found, wanted in zip(values, task.query_y, strict=True)]
    assert outcome.loss.item() == pytest.approx(sum(error**2 for error in errors) / 9, rel=1e-5)
    # and its accuracy the fraction that is near enough.
    assert outcome.accuracy.item() == pytest.approx(sum(abs(error) <= TOLERANCE for error in errors) / 9)
    # In meta-training, I expect a loss that φ has a part in, or a choice.
    leaves = {name: value.requires_grad_() for name, value in phi.items()}
    trained = outcome_of(learner, leaves, task, TRAINING)
    assert not learner.learns or (trained.log_probability if learner.chooses else trained.loss).requires_grad


@pytest.mark.parametrize("config", OF_EACH_KIND, ids=named)
def test_what_a_learner_says_of_its_choices(config):
    # Given a task of meta-training, I expect the probability of choices only where there are any.
    learner, task = learner_of(config), task_of()
    outcome = outcome_of(learner, phi_of(learner), task, Mode(training=True))
    assert (outcome.log_probability is not None) == learner.chooses
    assert outcome.loss.shape == outcome.accuracy.shape == ()


@pytest.mark.parametrize("config", [each for each in CONFIGS if each.name not in ("relation", "siamese")], ids=named)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_the_outcome_is_of_the_query_set(config, dtype):
    # Given a task, I expect its loss and accuracy to be those of the logits of its query set, in the type given,
    learner, task = learner_of(config), task_of(dtype=dtype)
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


def test_accuracy_by_hand():
    logits = torch.tensor([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]])
    assert accuracy(logits, torch.tensor([1, 1, 1])).item() == pytest.approx(2 / 3)
    values = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    assert accuracy(values, torch.tensor([[1.5], [2.6], [2.5], [9.0]])).item() == pytest.approx(2 / 4)
    assert task_loss(values, torch.tensor([[2.0], [2.0], [1.0], [4.0]])).item() == pytest.approx(5 / 4)


def test_every_learner_is_listed_under_its_name():
    assert {config.name for config in CONFIGS} == set(LEARNERS)
    assert all(learner.name == name for name, learner in LEARNERS.items())
