"""Operations on images that are differentiable in their amounts; an amount of nought leaves an image as it is.

Operations on places are one affine map, and images are read there by bilinear interpolation. It is written out: torch's
own has no repeatable gradient on GPUs. What lies beyond an image's edge is as its edge.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

LARGEST = {
    "translate_x": 0.5,
    "translate_y": 0.5,
    "rotate": math.pi / 4,
    "shear": 0.5,
    "scale": 0.5,
    "brightness": 0.5,
    "contrast": 1.0,
}
"""The largest amount of each operation: of half an image's side, radians, places a place, ln of a factor, brightness
(an image's range is 1), ln of a factor."""


def augmented(images: Tensor, amounts: Mapping[str, Tensor]) -> Tensor:
    """Return ``images`` [n, channels, height, width] after every operation that has amounts [n]; places come first.

    Example::

        augmented(images, {"rotate": torch.full((len(images),), 0.1)})
    """
    nought = images.new_zeros(len(images))
    return _toned(_moved(images, amounts, nought), amounts, nought)


def _moved(images: Tensor, amounts: Mapping[str, Tensor], nought: Tensor) -> Tensor:
    turn, shear, scale, right, down = (
        amounts.get(name, nought)[:, None, None] for name in ("rotate", "shear", "scale", "translate_x", "translate_y")
    )
    height, width = images.shape[-2:]
    y, x = (torch.linspace(1 - side, side - 1, side).to(images) / side for side in (height, width))
    x, y = x[None, None, :] - right, y[None, :, None] - down
    x, y = turn.cos() * x + turn.sin() * y, turn.cos() * y - turn.sin() * x
    x, y = (x + shear * y) * (-scale).exp(), y * (-scale).exp()
    return read_at(images, (y * height + height - 1) / 2, (x * width + width - 1) / 2)


def _toned(images: Tensor, amounts: Mapping[str, Tensor], nought: Tensor) -> Tensor:
    bright, contrast = (amounts.get(name, nought)[:, None, None, None] for name in ("brightness", "contrast"))
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (images - mean) * contrast.exp() + bright


def read_at(images: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Return ``images`` [n, channels, height, width] at rows ``y`` and columns ``x`` [n, height, width], in pixels."""
    height, width = images.shape[-2:]
    y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
    top, left = (place.detach().floor().long() for place in (y, x))
    bottom, right = (top + 1).clamp(max=height - 1), (left + 1).clamp(max=width - 1)
    down, along = (y - top)[:, None], (x - left)[:, None]
    upper = _pixels(images, top, left) * (1 - along) + _pixels(images, top, right) * along
    lower = _pixels(images, bottom, left) * (1 - along) + _pixels(images, bottom, right) * along
    return upper * (1 - down) + lower * down


def _pixels(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    places = (rows * images.shape[-1] + columns).flatten(1)[:, None].expand(-1, images.shape[1], -1)
    return images.flatten(2).gather(2, places).reshape(images.shape)
