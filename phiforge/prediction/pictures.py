"""Pictures as people have them (paths, bytes, Pillow's images, arrays, tensors) made into inputs of a network."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from phiforge.base.errors import DataError
from phiforge.prediction.learned import Learned
from phiforge.registry import DATA
from phiforge.tasks.datasets.bases.files.limits import MOST_FILE_BYTES
from phiforge.tasks.datasets.bases.pictures import formats
from phiforge.tasks.datasets.bases.pictures.decoding import Wanted, decode, from_image
from phiforge.tasks.datasets.bases.problems import brief, counted, listed

Picture = str | Path | bytes | Image.Image | NDArray[Any] | Tensor
"""A path, the bytes of a file, an image, a uint8 array or tensor of pixels, or a float one that is an input already."""

_GREY_OR_COLOURS = (1, 3, 4)
_IMAGE = 3
"""Dimensions of an image: channels, height, width."""


class Inputs(NamedTuple):
    """``x`` [n, channels, height, width], float in [0, 1], and what each is called: its path, or its number."""

    x: Tensor
    names: tuple[str, ...]


def inputs_of(
    pictures: Picture | Iterable[Picture | DataError], learned: Learned, names: Sequence[str] | None = None
) -> Inputs:
    """Return pictures as the network of ``learned`` sees them, made small as those that it was trained on.

    Args:
        pictures: one, many, or a folder of them. Pixels are uint8: arrays [height, width] or [height, width, 3],
            tensors [height, width] or [3, height, width], or a batch of such. Floats are taken as inputs in [0, 1],
            of the shape ``learned.input_shape``, and not changed. An error stands for what could not be had.
        learned: says how a picture becomes an input.
        names: what each is called; by default its path, or its number.

    Raises:
        DataError: that tells at once which pictures cannot be read, or if there are none.
    """
    many = _many(pictures, learned.input_shape)
    names = names or [str(each) if isinstance(each, str | Path) else f"#{number}" for number, each in enumerate(many)]
    found: list[Tensor] = []
    problems = []
    for name, picture in zip(names, many, strict=True):
        try:
            found.append(_input(name, picture, learned))
        except DataError as error:
            problems.append(brief(str(error), 500))
    if problems:
        raise DataError(f"{counted(len(problems), 'picture', 'pictures')} cannot be used: {listed(problems, '; ')}")
    if not found:
        raise DataError("there is no picture to look at: give at least one")
    return Inputs(torch.stack(found), tuple(names))


def files_in(folder: Path) -> list[Path]:
    """Return the pictures in a folder and all below it, in order of path; raises DataError if there are none."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and formats.is_picture(path.name))
    if not found:
        raise DataError(f"{folder} holds no picture; pictures are {', '.join(formats.SUFFIXES)}")
    return found


def _many(pictures: Any, input_shape: tuple[int, ...]) -> Sequence[Picture | DataError]:  # noqa: ANN401 - anything a person has
    if isinstance(pictures, str | Path) and Path(pictures).is_dir():
        return files_in(Path(pictures))
    if isinstance(pictures, str | Path | bytes | Image.Image):
        return [pictures]
    if isinstance(pictures, np.ndarray | Tensor):
        return [pictures] if _is_one(pictures, input_shape) else list(pictures)
    return list(pictures)


def _is_one(values: NDArray[Any] | Tensor, input_shape: tuple[int, ...]) -> bool:
    if _is_float(values):
        return values.ndim <= len(input_shape)
    if values.ndim == 3:
        return values.shape[0 if isinstance(values, Tensor) else 2] in _GREY_OR_COLOURS
    return values.ndim < 3


def _is_float(values: NDArray[Any] | Tensor) -> bool:
    return values.is_floating_point() if isinstance(values, Tensor) else bool(np.issubdtype(values.dtype, np.floating))


def _input(name: str, picture: Picture | DataError, learned: Learned) -> Tensor:
    if isinstance(picture, DataError):
        raise picture
    if isinstance(picture, np.ndarray | Tensor) and _is_float(picture):
        found = _as_it_is(name, torch.as_tensor(picture), learned.input_shape)
        return found if len(learned.input_shape) == _IMAGE else _as_trained(found, learned)
    if learned.wanted is None:
        raise DataError(
            f"{name} is a picture, and data {learned.spec.data.name!r} does not say how one becomes an input: give "
            f"floats in [0, 1] of shape {learned.input_shape}"
        )
    return torch.from_numpy(_small(name, picture, learned.wanted).copy()).float().div_(255)


def _as_it_is(name: str, values: Tensor, input_shape: tuple[int, ...]) -> Tensor:
    if tuple(values.shape) != input_shape:
        raise DataError(f"{name} is of floats and of shape {tuple(values.shape)}: an input is of shape {input_shape}")
    if not bool(torch.isfinite(values).all()):
        raise DataError(f"{name} has numbers that are not finite: give others")
    if len(input_shape) == _IMAGE and (float(values.min()) < 0 or float(values.max()) > 1):
        raise DataError(f"{name} is of floats that are not all in [0, 1]: give those, or pixels as uint8")
    return values.float().cpu()


def _as_trained(vector: Tensor, learned: Learned) -> Tensor:
    """Return a vector scaled as those that were learned from."""
    data = learned.spec.data
    return torch.as_tensor(DATA[data.name].scaled(data, vector[None].numpy())[0])


def _small(name: str, picture: Picture, wanted: Wanted) -> NDArray[np.uint8]:
    if isinstance(picture, str | Path):
        return decode(name, _bytes(Path(picture)), wanted).small
    if isinstance(picture, bytes):
        return decode(name, picture, wanted).small
    if isinstance(picture, Image.Image):
        return from_image(name, picture, wanted)
    if isinstance(picture, np.ndarray | Tensor):
        return from_image(name, _image(name, picture), wanted)
    raise DataError(f"{name} is {type(picture).__name__}: allowed are paths, bytes, images, arrays and tensors")


def _image(name: str, values: NDArray[Any] | Tensor) -> Image.Image:
    """Return pixels as an image; tensors have their channels first, arrays last, as their libraries do."""
    pixels = values.cpu().numpy() if isinstance(values, Tensor) else values
    if isinstance(values, Tensor) and pixels.ndim == 3:
        pixels = np.moveaxis(pixels, 0, 2)
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (1, 3, 4)):
        raise DataError(
            f"{name} is {pixels.dtype} of shape {tuple(values.shape)}: allowed are uint8 pixels of height x width, or "
            "with 3 colours, and floats in [0, 1] that are inputs already"
        )
    return Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_FILE_BYTES:
            raise DataError(f"{str(path)!r} has more than {MOST_FILE_BYTES} bytes, which are not read")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be read: {error.strerror or error}") from error
