"""Fresh parameters: their shapes and bounds, and that the generator alone decides them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phiforge.learning.generators import torch_generator
from phiforge.learning.networks.bases.headed import Headed
from phiforge.learning.networks.bases.network import linear, uniform
from phiforge.learning.networks.conv4 import Conv4Config
from tests.unit.networks.cases import NORMS, SHAPE


@pytest.mark.parametrize("norm", NORMS)
def test_fresh_parameters(norm):
    # Given fresh parameters of a network of 64 channels
    classifier = Headed(Conv4Config(norm=norm), SHAPE, 5)
    fresh = classifier.init(torch_generator("fresh"))
    # I expect the shapes of the literature, float32, a bias of convolutions only where it is of use,
    shapes = {f"norm{block}.{each}": (64,) for block in range(4) for each in ("weight", "bias")}
    shapes |= {f"conv{block}.weight": (64, 64 if block else 1, 3, 3) for block in range(4)}
    shapes |= {f"conv{block}.bias": (64,) for block in range(4)} if norm != "batch" else {}
    shapes |= {"head.weight": (5, 64), "head.bias": (5,)}
    assert classifier.outputs_count == 5
    assert {name: tuple(value.shape) for name, value in fresh.items()} == shapes
    assert all(value.dtype == torch.float32 and value.is_contiguous() for value in fresh.values())
    # normalisation at the identity, the rest uniform in ±1/sqrt(fan-in),
    for name, value in fresh.items():
        if name.startswith("norm"):
            assert torch.equal(value, torch.full((64,), float(name.endswith("weight"))))
            continue
        bound = (64 if name.startswith("head") else 9 if name.startswith("conv0") else 9 * 64) ** -0.5
        assert value.abs().max() <= bound
        if value.numel() > 500:
            assert value.abs().max() > 0.98 * bound
            assert value.std().item() == pytest.approx(bound / 3**0.5, rel=0.1)
    # and all of it to depend on the generator alone.
    torch.manual_seed(7)
    again, other = classifier.init(torch_generator("fresh")), classifier.init(torch_generator("other"))
    assert all(torch.equal(again[name], value) for name, value in fresh.items())
    assert all(not torch.equal(other[name], value) for name, value in fresh.items() if not name.startswith("norm"))


@given(st.integers(1, 4), st.integers(1, 500), st.integers(0, 2**32))
def test_uniform_is_within_its_bound(rows, fan_in, seed):
    drawn = uniform((rows, 7), fan_in, torch_generator(seed))
    assert drawn.shape == (rows, 7)
    assert drawn.abs().max() <= fan_in**-0.5


def test_a_fresh_linear_layer():
    fresh = linear("name", 400, 3, torch_generator(0))
    assert {name: tuple(value.shape) for name, value in fresh.items()} == {"name.weight": (3, 400), "name.bias": (3,)}
    assert 0.049 < fresh["name.weight"].abs().max() <= 0.05
    assert fresh["name.bias"].abs().max() <= 0.05
