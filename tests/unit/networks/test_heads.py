"""Networks with a head: outputs against torch's, the loss by its definition, and a gradient for every parameter."""

import pytest
import torch

from phiforge.learning.generators import torch_generator
from phiforge.learning.networks import build_network
from phiforge.learning.networks.bases.headed import HEAD, Headed
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.learning.networks.mlp import MlpConfig
from phiforge.learning.scores.loss import task_loss
from tests.unit.networks.cases import NORMS, SHAPE, parameters_of, random_of
from tests.unit.networks.textbook import textbook_features


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("norm", NORMS)
def test_the_loss_reaches_every_parameter(norm, dtype):
    # Given a classifier and a labelled set
    classifier = Headed(Conv4Config(channels=8, norm=norm), SHAPE, 5)
    parameters = {name: value.requires_grad_() for name, value in parameters_of(classifier, dtype).items()}
    x, y = random_of(10, *SHAPE, dtype=dtype), torch.arange(5).repeat(2)
    # If its loss is differentiated, I expect a finite gradient, not zero, of each parameter, in its type.
    loss = task_loss(classifier.outputs(parameters, x), y)
    gradients = torch.autograd.grad(loss, list(parameters.values()))
    assert loss.dtype == dtype
    for name, gradient in zip(parameters, gradients, strict=True):
        assert gradient.dtype == dtype, name
        assert gradient.isfinite().all(), name
        assert gradient.abs().max() > 0, name


@pytest.mark.parametrize("norm", NORMS)
def test_logits_and_loss(norm):
    # Given a classifier, I expect its head to be linear, and its loss minus the mean log-probability of the labels.
    classifier = Headed(Conv4Config(channels=8, norm=norm), SHAPE, 3)
    parameters, x, y = parameters_of(classifier), random_of(6, *SHAPE), torch.tensor([0, 1, 2, 2, 1, 0])
    logits = textbook_features(norm, parameters, x) @ parameters["head.weight"].T + parameters["head.bias"]
    assert torch.allclose(classifier.outputs(parameters, x), logits, rtol=1e-9, atol=1e-9)
    expected = -sum(torch.softmax(row, 0)[label].log() for row, label in zip(logits, y, strict=True)) / 6
    assert task_loss(classifier.outputs(parameters, x), y).item() == pytest.approx(expected.item(), rel=1e-9)


@pytest.mark.parametrize("outputs", [1, 5])
@pytest.mark.parametrize(
    ("config", "shape"), [(Conv4Config(channels=8, pools=3), SHAPE), (MlpConfig(width=6), (1,))], ids=["conv4", "mlp"]
)
def test_headed_against_torch(config, shape, outputs):
    # Given a network with a head, I expect its parameters and the head's,
    model, network = Headed(config, shape, outputs), build_network(config, shape)
    fresh = {name: value.double() for name, value in model.init(torch_generator(0)).items()}
    body = network.init(torch_generator(0))
    assert fresh.keys() == {*body, *HEAD}
    assert all(torch.equal(fresh[name], value.double()) for name, value in body.items())
    assert model.init_head(torch_generator(0)).keys() == set(HEAD)
    assert model.transductive == network.transductive
    # and outputs that torch's own linear layer makes of the features.
    x, module = random_of(6, *shape), torch.nn.Linear(network.feature_count, outputs).double()
    module.load_state_dict({name.removeprefix("head."): fresh[name] for name in HEAD})
    assert torch.allclose(model.outputs(fresh, x), module(network.features(fresh, x)), rtol=1e-12, atol=1e-12)
