"""Meta-dropout: where noise stands, what it is named by, and what of it is learned."""

import torch

from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import EVALUATION, Mode
from phiforge.learning.learners.maml import MamlConfig
from phiforge.learning.learners.meta_dropout import MetaDropoutConfig
from phiforge.learning.networks.bases.normalisation import Pass
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.learning.networks.mlp import MlpConfig
from phiforge.learning.tensors import without_prefix
from tests.unit.cases import adapt, doubles, learner_of, outcome_of, phi_of, task_of

LOOP = {"inner_lr": 0.1, "inner_steps": 2, "inner_steps_evaluation": 2}
NETWORK = Conv4Config(channels=8, norm="layer")
FIRST_ORDER, TRAINING = Mode(training=True), Mode(training=True, second_order=True)


def flat(phi):
    """Return φ whose factors are all softplus(0) = ln 2, and with noise softplus(a) of a ~ N(0, 1)."""
    return {name: torch.zeros_like(value) if name.startswith("noise/") else value for name, value in phi.items()}


def test_factors_without_noise_that_are_alike_are_maml():
    # Given noise networks that say nought, no noise, and normalisation that forgets a common factor
    network = Conv4Config(channels=8, norm="batch")
    learner = learner_of(MetaDropoutConfig(**LOOP, noise=False, network=network))
    phi, task = flat(phi_of(learner)), task_of()
    # I expect MAML's model, up to the ε that normalisation adds to variances.
    found = adapt(learner, phi, task.support_x, task.support_y)(task.query_x)
    plain = learner_of(MamlConfig(**LOOP, network=network))
    expected = adapt(plain, without_prefix("start", phi), task.support_x, task.support_y)(task.query_x)
    assert torch.allclose(found, expected, atol=0.05)
    assert not torch.equal(found, expected)


def test_a_layer_by_hand():
    # Given a perceptron of one unit: h = 3 x, μ = 2 x - 1, a head that doubles
    learner = learner_of(MetaDropoutConfig(**LOOP, network=MlpConfig(width=1, layers=1)), 1, (1,), regression=True)
    theta = {"layer0.weight": [[3.0]], "layer0.bias": [0.0], "head.weight": [[2.0]], "head.bias": [0.5]}
    theta |= {"noise/layer0.weight": [[2.0]], "noise/layer0.bias": [-1.0], "noise/head.weight": [[0.0]]}
    theta = {name: doubles(value) for name, value in theta.items()}
    # I expect of queries h · softplus(μ), and no noise.
    found = learner.outputs(theta, doubles([[1.0], [2.0]]), Pass(), EVALUATION)
    factors = doubles([1.0, 3.0]).exp().log1p()
    assert torch.allclose(found[:, 0], 2 * doubles([3.0, 6.0]) * factors + 0.5, atol=1e-12)


def test_noise_is_named_by_the_generator_alone():
    # Given a task, and generators of two names
    learner = learner_of(MetaDropoutConfig(**LOOP, network=NETWORK))
    phi, task = phi_of(learner), task_of()
    losses = [outcome_of(learner, phi, task, FIRST_ORDER, seed).loss for seed in (0, 0, 1)]
    # I expect the same loss from the same name, another from another, and of no noise one loss whatever the name.
    assert torch.equal(losses[0], losses[1])
    assert not torch.allclose(losses[0], losses[2])
    quiet = learner_of(MetaDropoutConfig(**LOOP, noise=False, network=NETWORK))
    first, second = (outcome_of(quiet, phi, task, FIRST_ORDER, seed).loss for seed in (0, 1))
    assert torch.equal(first, second)


def test_inner_steps_leave_the_noise_networks():
    # Given an inner loop, I expect θ to move, and what says how it is perturbed to stay.
    learner = learner_of(MetaDropoutConfig(**LOOP, network=NETWORK))
    phi, task = phi_of(learner), task_of()
    before, *_, after = learner.path({**phi, "seed": torch.tensor(3)}, task.support_x, task.support_y, EVALUATION)
    for name, value in before.items():
        assert torch.equal(value, after[name]) == (name.startswith("noise/") or name == "seed")


def test_more_draws_vary_less():
    # Given unseen tasks whose inner steps take one draw, or forty
    phi = phi_of(learner_of(MetaDropoutConfig(**LOOP, network=NETWORK)))
    task = task_of()

    def spread(draws):
        learner = learner_of(MetaDropoutConfig(**LOOP, draws_evaluation=draws, network=NETWORK))
        found = [adapt(learner, phi, task.support_x, task.support_y, seed=seed)(task.query_x) for seed in range(6)]
        return torch.stack(found).std(dim=0).mean()

    # I expect models of other draws to be nearer to each other where each is made of forty.
    assert spread(40) < 0.5 * spread(1)


def test_every_noise_network_is_learned():
    # Given a task in meta-training, I expect a slope in every noise network, that of the logits' noise too.
    learner = learner_of(MetaDropoutConfig(**LOOP, network=NETWORK))
    phi = {name: value.requires_grad_() for name, value in phi_of(learner).items()}
    loss = learner.query_outcome(phi, task_of(), TRAINING, torch_generator("learner")).loss
    networks = {name: value for name, value in phi.items() if name.startswith("noise/")}
    slopes = torch.autograd.grad(loss, list(networks.values()))
    assert len(networks) == 10
    assert all(slope.abs().sum() > 0 for slope in slopes)
