"""One layer of normalisation against the textbook, and by hand."""

import pytest
import torch

from tests.unit.networks.cases import NORMS, normalised, random_of
from tests.unit.networks.textbook import textbook_norm


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("size", [1, 3])
def test_normalisation_against_the_textbook(norm, size):
    x, weight, bias = random_of(4, 16, size, size), random_of(16, seed=1), random_of(16, seed=2)
    expected = textbook_norm(norm, x, weight, bias)
    assert torch.allclose(normalised(norm, x, weight, bias), expected, rtol=1e-10, atol=1e-10)


def test_normalisation_by_hand():
    # Given one channel of two images that hold 1 and 3, 5 and 7: mean 4, variance 5
    x = torch.tensor([1.0, 3.0, 5.0, 7.0], dtype=torch.float64).reshape(2, 1, 1, 2)
    scale, shift = torch.tensor([2.0], dtype=torch.float64), torch.tensor([1.0], dtype=torch.float64)
    found = normalised("batch", x, scale, shift).flatten().tolist()
    assert found == pytest.approx([1 + 2 * each / 5**0.5 for each in (-3, -1, 1, 3)], rel=1e-5)
    # by itself each image has mean 2 or 6, and variance 1.
    found = normalised("layer", x, scale, shift).flatten().tolist()
    assert found == pytest.approx([-1, 3, -1, 3], rel=1e-4)
    assert normalised("none", x, scale, shift).flatten().tolist() == [3, 7, 11, 15]


def test_a_bias_of_a_convolution_is_of_no_use_under_batch_norm():
    # Given a constant added before batch normalisation, I expect it to be subtracted again.
    x, weight, bias = random_of(4, 8, 3, 3), random_of(8, seed=1), random_of(8, seed=2)
    moved = normalised("batch", x + random_of(1, 8, 1, 1, seed=3), weight, bias)
    assert torch.allclose(moved, normalised("batch", x, weight, bias), rtol=0, atol=1e-12)
