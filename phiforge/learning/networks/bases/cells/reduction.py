"""What halves the image between two stages: a residual block, as in NAS-Bench-201, or a cell of its own."""

from collections.abc import Mapping

from torch import Generator, Tensor

from phiforge.learning.networks.bases.cells.cell import Cell, Weights
from phiforge.learning.networks.bases.cells.layers import Layers, mean_of_fours
from phiforge.learning.networks.bases.normalisation import Pass
from phiforge.learning.tensors import Tensors
from phiforge.spec.cells.edges import Edges


class Residual:
    """y = c₂(c₁(x)) + s(x): two 3x3 convolutions, the first of stride 2, beside a mean of fours and a 1x1 convolution.

    It is the residual block of NAS-Bench-201 (Dong and Yang 2020, section 2.1), which no search changes.
    """

    def __init__(self, name: str, inputs: int, outputs: int) -> None:
        self.name, self.inputs, self.outputs = name, inputs, outputs

    def init(self, weights: Edges | None, generator: Generator, layers: Layers) -> Tensors:
        """Return fresh parameters."""
        found = layers.init(f"{self.name}.first", self.inputs, self.outputs, 3, generator)
        found |= layers.init(f"{self.name}.second", self.outputs, self.outputs, 3, generator)
        return found | layers.init_conv(f"{self.name}.shortcut", self.inputs, self.outputs, 1, generator)

    def run(
        self, x: Tensor, parameters: Mapping[str, Tensor], weights: Weights | None, at: Pass, layers: Layers
    ) -> Tensor:
        """Map ``x`` [n, inputs, height, width] to [n, outputs, height / 2, width / 2]."""
        found = layers.relu_conv_norm(x, parameters, f"{self.name}.first", at, stride=2)
        found = layers.relu_conv_norm(found, parameters, f"{self.name}.second", at)
        return found + layers.convolve(mean_of_fours(x), parameters[f"conv.{self.name}.shortcut.weight"])


class ReductionCell:
    """A mean of fours, ReLU, a 1x1 convolution and normalisation, and a cell behind them.

    DARTS (Liu et al. 2019, section 2.1) gives stride 2 to the operations on the edges from a cell's inputs. Here the
    image is halved before the cell instead, so that its operations are those of normal cells.
    """

    def __init__(self, name: str, inputs: int, outputs: int, nodes: int) -> None:
        self.name, self.inputs = name, inputs
        self.cell = Cell(name, nodes, outputs)

    def init(self, weights: Edges | None, generator: Generator, layers: Layers) -> Tensors:
        """Return fresh parameters of the operations on its edges; None: of all operations on each."""
        found = layers.init(f"{self.name}.halved", self.inputs, self.cell.channels, 1, generator)
        return found | self.cell.init(weights, generator, layers)

    def run(
        self, x: Tensor, parameters: Mapping[str, Tensor], weights: Weights | None, at: Pass, layers: Layers
    ) -> Tensor:
        """Map ``x`` [n, inputs, height, width] to [n, outputs, height / 2, width / 2]; see ``Cell.run``."""
        assert weights is not None
        halved = layers.relu_conv_norm(mean_of_fours(x), parameters, f"{self.name}.halved", at)
        return self.cell.run(halved, parameters, weights, at, layers)
