"""Learners that compare to the support set, or put a head on features: by hand, and against loops and torch."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import EVALUATION, Mode
from phiforge.learning.learners.matching import MatchingConfig
from phiforge.learning.learners.pooled import PooledConfig
from phiforge.learning.learners.r2d2 import R2d2Config, ridge
from phiforge.learning.learners.relation import RelationConfig
from phiforge.learning.learners.siamese import SiameseConfig
from phiforge.learning.networks.bases.network import linear
from phiforge.learning.networks.conv4 import Conv4Config
from tests.unit.cases import (
    FLAT,
    SHAPE,
    TRAIN_CLASSES,
    adapt,
    constant_images,
    doubles,
    identity_phi,
    learner_of,
    outcome_of,
    phi_of,
    random_of,
    task_of,
)

LAYER = Conv4Config(channels=8, norm="layer")
TRAINING = Mode(training=True)


def features_of(learner, phi, x):
    return learner.network.features(phi, x, EVALUATION.at(0))


def logits_of(learner, phi, task):
    return adapt(learner, phi, task.support_x, task.support_y)(task.query_x)


# Matching networks


@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_attention_against_a_loop(scale):
    # Given a task
    learner, task = learner_of(MatchingConfig(scale=scale, network=LAYER)), task_of()
    phi = phi_of(learner)
    support, queries = features_of(learner, phi, task.support_x), features_of(learner, phi, task.query_x)
    for query, found in zip(queries, logits_of(learner, phi, task).exp(), strict=True):
        # I expect the share of e^(scale · cosine) that each class's examples have, which sum to one.
        pulls = [math.exp(scale * F.cosine_similarity(query, each, dim=0).item()) for each in support]
        shares = [0.0] * 5
        for label, pull in zip(task.support_y.tolist(), pulls, strict=True):
            shares[label] += pull / sum(pulls)
        assert found.tolist() == pytest.approx(shares)
        assert found.sum().item() == pytest.approx(1)


def test_full_context_against_torch():
    # Given torch's own LSTMs with the same weights (each of its two biases is one here)
    steps, task = 3, task_of()
    learner = learner_of(MatchingConfig(full_context=True, steps=steps, network=LAYER))
    phi, size = phi_of(learner), learner.network.feature_count
    support, queries = features_of(learner, phi, task.support_x), features_of(learner, phi, task.query_x)
    reader = torch.nn.LSTM(size, size, bidirectional=True).double()
    reader.load_state_dict(
        {
            f"{kind}_l0{end}": value
            for name, end in (("forward", ""), ("backward", "_reverse"))
            for kind, value in {
                "weight_ih": phi[f"{name}.input"],
                "weight_hh": phi[f"{name}.hidden"],
                "bias_ih": phi[f"{name}.bias"],
                "bias_hh": torch.zeros(4 * size),
            }.items()
        }
    )
    attender = torch.nn.LSTMCell(3 * size, size).double()  # what comes back is read with the input
    weights = {"weight_ih": torch.cat([phi["attend.input"], phi["attend.hidden"]], 1), "bias_ih": phi["attend.bias"]}
    attender.load_state_dict(weights | {"weight_hh": torch.zeros(4 * size, size), "bias_hh": torch.zeros(4 * size)})
    # If the support set is read in both directions (Vinyals et al. 2016, A.2), and each query again and again (A.1)
    contexts = support + sum(reader(support)[0].split(size, dim=1))
    rows = []
    for query in queries:
        hidden, cell = torch.zeros(1, size).double(), torch.zeros(1, size).double()
        for _ in range(steps):
            attention = torch.softmax(contexts @ hidden[0], 0)
            read = sum(weight * each for weight, each in zip(attention, contexts, strict=True))
            hidden, cell = attender(torch.cat([query, hidden[0], read])[None], (hidden, cell))
            hidden = hidden + query
        pulls = torch.softmax(10 * F.cosine_similarity(hidden, contexts), 0)
        rows.append([pulls[task.support_y == label].sum().item() for label in range(5)])
    # I expect the same attention, which sums to one.
    found = logits_of(learner, phi, task).exp()
    assert torch.allclose(found, doubles(rows), rtol=1e-9, atol=1e-12)
    assert found.sum(1).tolist() == pytest.approx([1] * 15)
    # Without context, I expect none of the cells in φ.
    names = phi.keys() - phi_of(learner_of(MatchingConfig(network=LAYER))).keys()
    assert names == {
        f"{cell}.{each}" for cell in ("forward", "backward", "attend") for each in ("input", "hidden", "bias")
    }


# Relation networks


@given(st.integers(0, 2**32), st.floats(-20, 20))
def test_relation_scores_are_between_zero_and_one(seed, bias):
    # Given any task, I expect a score of each query and class in (0, 1), however they are scaled.
    learner = learner_of(RelationConfig(network=Conv4Config(channels=4, norm="layer", pools=2)), 3)
    phi, task = phi_of(learner) | {"score.bias": doubles([bias])}, task_of(3, 1, 1, seed=seed)
    scores = logits_of(learner, phi, task)
    assert scores.shape == (3, 3)
    assert scores.min() > 0
    assert scores.max() < 1
    # The loss is their mean squared distance to 1 for the right class, 0 for others (Sung et al. 2018, equation 2).
    outcome = outcome_of(learner, phi, task)
    wanted = [[float(column == label) for column in range(3)] for label in task.query_y]
    errors = [
        (found - right) ** 2
        for row, rights in zip(scores.tolist(), wanted, strict=True)
        for found, right in zip(row, rights, strict=True)
    ]
    assert outcome.loss.item() == pytest.approx(sum(errors) / 9)
    right = sum(int(row.argmax()) == label for row, label in zip(scores, task.query_y.tolist(), strict=True))
    assert outcome.accuracy.item() == pytest.approx(right / 3)


def test_relation_compares_with_the_mean_of_a_class():
    # Given maps that give back an image's grey, and two shots of either class
    config = RelationConfig(network=Conv4Config(channels=1, norm="none", pools=2))
    learner, labels = learner_of(config, 2), torch.tensor([0, 0, 1, 1])
    phi = phi_of(learner) | identity_phi()
    queries = constant_images(2, 5)
    found = adapt(learner, phi, constant_images(1, 3, 4, 8), labels)(queries)
    expected = adapt(learner, phi, constant_images(2, 2, 6, 6), labels)(queries)
    # I expect the scores of their mean.
    assert torch.allclose(found, expected, rtol=1e-9, atol=1e-12)


# Siamese networks


def test_siamese_picks_the_nearest_pair():
    # Given an embedding that gives back an image's grey, and pairs that are the likelier the nearer: 1 - 2 |x - y|
    learner = learner_of(SiameseConfig(network=FLAT), 2)
    phi = identity_phi() | {"pair.weight": doubles([[-2.0]]), "pair.bias": doubles([1.0])}
    support, labels = constant_images(1, 4, 6, 9), torch.tensor([0, 1, 0, 1])
    # If queries of grey 2, 5.5 and 8 are asked for, I expect each class's nearest example to speak for it.
    logits = adapt(learner, phi, support, labels)(constant_images(2, 5.5, 8))
    assert logits.tolist() == [[-1, -3], [0, -2], [-3, -1]]


def test_the_loss_of_pairs():
    # Given a task of 5 ways, 2 shots and 3 queries
    learner, task = learner_of(SiameseConfig(network=LAYER)), task_of()
    phi = phi_of(learner)
    support, queries = features_of(learner, phi, task.support_x), features_of(learner, phi, task.query_x)
    losses = {True: [], False: []}
    for query, label in zip(queries, task.query_y, strict=True):
        for each, other in zip(support, task.support_y, strict=True):
            logit = ((query - each).abs() @ phi["pair.weight"][0] + phi["pair.bias"][0]).item()
            same = bool(label == other)
            losses[same].append(-math.log(1 / (1 + math.exp(-logit if same else logit))))
    # I expect the mean of -log p over pairs of one class and over pairs of two, each weighing a half,
    expected = sum(sum(each) / len(each) for each in losses.values()) / 2
    outcome = outcome_of(learner, phi, task)
    assert outcome.loss.item() == pytest.approx(expected)
    # and the accuracy of the largest logit.
    right = (logits_of(learner, phi, task).argmax(1) == task.query_y).double().mean()
    assert outcome.accuracy == right


# R2-D2


@pytest.mark.parametrize("examples", [2, 7, 20])
def test_ridge_regression_against_its_other_form(examples):
    # Given fewer or more examples than features, I expect (XᵀX + λI)⁻¹ XᵀY.
    x, y = random_of(examples, 7), random_of(examples, 3, seed=1)
    expected = torch.linalg.inv(x.T @ x + 0.25 * torch.eye(7)) @ x.T @ y
    assert torch.allclose(ridge(x, y, doubles(0.25)), expected, rtol=1e-8, atol=1e-10)


def test_r2d2_by_hand():
    # Given greys 1 and 2 of two classes, and λ = 5: X Xᵀ + λ = [[6, 2], [2, 9]], so W = Xᵀ (...)⁻¹ = [1/10, 2/10].
    learner = learner_of(R2d2Config(network=FLAT), 2)
    phi = identity_phi() | {"log_penalty": doubles(5.0).log(), "scale": doubles(10.0), "shift": doubles(-3.0)}
    logits = adapt(learner, phi, constant_images(1, 2), torch.tensor([0, 1]))(constant_images(1, 7))
    # I expect 10 · x · W - 3.
    assert logits.flatten().tolist() == pytest.approx([-2, -1, 4, 11])
    # The settings are where its three scalars start from.
    fresh = phi_of(learner_of(R2d2Config(penalty=4.0, scale=3.0, network=FLAT)))
    assert [fresh[name].item() for name in ("log_penalty", "scale", "shift")] == pytest.approx([math.log(4), 3, 0])


# Pooled training


def test_pooled_training_looks_at_the_classes_of_the_split():
    # Given an embedding that gives back an image's grey, a head of twelve classes, and a task of the seventh and second
    learner = learner_of(PooledConfig(network=FLAT), 2)
    weight, bias = random_of(TRAIN_CLASSES, 1, seed=3), random_of(TRAIN_CLASSES, seed=4)
    phi = identity_phi() | {"head.weight": weight, "head.bias": bias}
    images = {"support_x": constant_images(1, 2), "query_x": constant_images(3, 4, 5)}
    labels = {"support_y": torch.tensor([0, 1]), "query_y": torch.tensor([1, 0, 1])}
    episode = task_of(2).__class__(**images, **labels, classes=torch.tensor([6, 1]))
    # I expect the mean loss of all five images over all twelve classes, by their place in the split, not in the task.
    losses = []
    for grey, place in zip((1, 2, 3, 4, 5), (6, 1, 1, 6, 1), strict=True):
        scores = [grey * w + b for w, b in zip(weight[:, 0].tolist(), bias.tolist(), strict=True)]
        losses.append(math.log(sum(map(math.exp, scores))) - scores[place])
    outcome = outcome_of(learner, phi, episode, TRAINING)
    assert outcome.loss.item() == pytest.approx(sum(losses) / 5)
    assert learner_of(PooledConfig(), 3).init_phi(torch_generator(0))["head.weight"].shape[0] == TRAIN_CLASSES


@pytest.mark.parametrize("cosine", [False, True])
def test_a_finetuned_head_against_torch(cosine):
    # Given an unseen task, if torch's own SGD trains the fresh head that a seed names on features that stay
    config = PooledConfig(cosine=cosine, scale=5.0, finetuning_lr=0.2, finetuning_steps=10, network=LAYER)
    learner, task = learner_of(config), task_of()
    phi, size = phi_of(learner), learner.network.feature_count
    head = torch.nn.Linear(size, 5, bias=not cosine).double()
    fresh = linear("head", size, 5, torch_generator("learner", 0))
    head.load_state_dict({name.removeprefix("head."): fresh[name] for name in list(fresh)[: 1 if cosine else 2]})
    sgd = torch.optim.SGD(head.parameters(), lr=0.2)

    def logits(features):
        if not cosine:
            return head(features)
        return 5 * F.cosine_similarity(features[:, None], head.weight[None], dim=2)

    for _ in range(10):
        sgd.zero_grad()
        F.cross_entropy(logits(features_of(learner, phi, task.support_x)), task.support_y).backward()
        sgd.step()
    # I expect the same logits, and φ's own head, of training's classes, to have no say.
    expected = logits(features_of(learner, phi, task.query_x))
    assert torch.allclose(logits_of(learner, phi, task), expected, rtol=1e-9, atol=1e-9)
    others = {name: value + 1 if name.startswith("head") else value for name, value in phi.items()}
    assert torch.equal(logits_of(learner, others, task), logits_of(learner, phi, task))


@pytest.mark.parametrize("cosine", [False, True])
def test_a_finetuned_head_tells_easy_classes_apart(cosine):
    # Given classes that are noisy copies of one image each, I expect a fresh head to learn them from two examples.
    learner = learner_of(PooledConfig(cosine=cosine, network=LAYER))
    originals = random_of(5, *SHAPE).round()
    labels, asked = torch.arange(5).repeat(2), torch.arange(5).repeat(4)
    predict = adapt(learner, phi_of(learner), originals[labels] + 0.05 * random_of(10, *SHAPE, seed=1), labels)
    assert torch.equal(predict(originals[asked] + 0.05 * random_of(20, *SHAPE, seed=2)).argmax(1), asked)
