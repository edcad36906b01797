"""What a network of cells costs: its parameters, and the operations on numbers that one image takes."""

from collections.abc import Iterator
from typing import NamedTuple

from phiforge.spec.cells.config import CellConfig
from phiforge.spec.cells.edges import KERNELS, Edges, live_edges


class Counts(NamedTuple):
    """``parameters``: numbers to learn, without a head. ``flops``: of the convolutions, for one image, forward.

    A multiplication and the addition after it are two. Normalisation, pooling, ReLU and sums are not counted: all of
    them together are a few numbers a place, where a convolution takes hundreds. Nor are convolutions that nothing comes
    after but ``none``, which are not computed; their parameters are there.
    """

    parameters: int
    flops: int


class _Convolution(NamedTuple):
    inputs: int
    outputs: int
    kernel: int
    places: int
    """Where its kernel is applied: height times width of its output."""
    normalised: bool = True
    computed: bool = True

    @property
    def weights(self) -> int:
        return self.inputs * self.outputs * self.kernel**2


def counts(config: CellConfig, image: tuple[int, ...], norms: int = 1) -> Counts:
    """Return what a network costs on images of that shape.

    Args:
        config: the network.
        image: channels, height and width.
        norms: scales and shifts that each normalisation has; under ``per_step`` one more than inner steps.

    Example::

        counts(CellConfig(channels=16), (1, 28, 28)).parameters
    """
    convolutions = list(_convolutions(config, image))
    normalised = [config.widths[-1], *(each.outputs for each in convolutions if each.normalised)]
    return Counts(
        sum(each.weights for each in convolutions) + 2 * norms * sum(normalised),
        sum(2 * each.weights * each.places for each in convolutions if each.computed),
    )


def _convolutions(config: CellConfig, image: tuple[int, ...]) -> Iterator[_Convolution]:
    places = [height * width for height, width in zip(config.sides(image[1]), config.sides(image[2]), strict=True)]
    yield _Convolution(image[0], config.channels, 3, places[0])
    for stage, width in enumerate(config.widths):
        if stage:
            yield from _reduction(config, config.widths[stage - 1], width, places[stage])
        for _ in range(config.cells):
            yield from _cell(config.normal, width, places[stage])


def _reduction(config: CellConfig, inputs: int, outputs: int, places: int) -> Iterator[_Convolution]:
    searched = config.reduction is not None
    yield _Convolution(inputs, outputs, 1, places, normalised=searched)
    if config.reduction is not None:
        yield from _cell(config.reduction, outputs, places)
        return
    yield _Convolution(inputs, outputs, 3, places)
    yield _Convolution(outputs, outputs, 3, places)


def _cell(edges: Edges, width: int, places: int) -> Iterator[_Convolution]:
    live = live_edges(edges)
    for edge, operation in edges.items():
        if operation in KERNELS:
            yield _Convolution(width, width, KERNELS[operation], places, computed=edge in live)
