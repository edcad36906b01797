"""A network of cells: a small graph of operations, repeated, which a search may choose (Dong and Yang 2020).

The skeleton is that of NAS-Bench-201: a 3x3 convolution, stages of equal cells, between two of them a residual block
that halves the image, and at the end normalisation, ReLU and the mean of each map. Published are 3 stages of 5 cells
of 4 nodes, with 16 channels in the first.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from phiforge.learning.networks.bases.cells.cell import Cell, Weights
from phiforge.learning.networks.bases.cells.layers import Layers
from phiforge.learning.networks.bases.cells.reduction import ReductionCell, Residual
from phiforge.learning.networks.bases.images import ImageNetwork
from phiforge.learning.networks.bases.network import MapNetwork, multiplying
from phiforge.learning.networks.bases.normalisation import PLAIN, Pass
from phiforge.learning.tensors import Tensors
from phiforge.spec.cells.config import CellConfig
from phiforge.spec.cells.edges import Edges


class CellWeights(NamedTuple):
    """What stands on the edges of all normal cells, and of all reduction cells if it has such."""

    normal: Weights
    reduction: Weights | None = None


class CellNetwork(ImageNetwork, MapNetwork):
    """The network as pure functions of its parameters.

    Learners that relax the choice of operations start from ``init_all`` and call ``features_by`` with weights.
    """

    Config = CellConfig
    config: CellConfig

    @classmethod
    def shrinking(cls, config: CellConfig) -> str:
        """Say what it does to images."""
        return f"divides the image's sides by {config.smallest_image}"

    def prepare(self) -> None:
        """Set its cells and the shape of its maps; of ``input_shape`` = (channels, height, width)."""
        super().prepare()
        config = self.config
        self.layers = Layers(config.norm, self.inner_steps, self.transformed)
        _, height, width = self.input_shape
        self.map_shape = (config.widths[-1], config.sides(height)[-1], config.sides(width)[-1])
        self.feature_count = self.map_shape[0] * (1 if config.average else self.map_shape[1] * self.map_shape[2])
        self.chosen = CellWeights(config.normal, config.reduction)
        self._stages = [
            [Cell(f"stage{stage}.cell{index}", config.nodes, channels) for index in range(config.cells)]
            for stage, channels in enumerate(config.widths)
        ]
        self._reductions = [
            self._reduction(f"reduction{stage}", *widths) for stage, widths in enumerate(pairwise(config.widths), 1)
        ]

    def init(self, generator: Generator) -> Tensors:
        """Return fresh parameters: weights uniform in ±1/sqrt(fan-in), normalisation at the identity."""
        return self._init(generator, self.config.normal, self.config.reduction)

    def init_all(self, generator: Generator) -> Tensors:
        """Return fresh parameters of every operation on every edge, among which each choice finds its own."""
        return self._init(generator, None, None)

    def features(self, parameters: Mapping[str, Tensor], x: Tensor, at: Pass = PLAIN) -> Tensor:
        """Map images ``x`` [n, channels, height, width] to features [n, feature_count]."""
        return self.features_by(self.chosen, parameters, x, at)

    def feature_map(self, parameters: Mapping[str, Tensor], x: Tensor, at: Pass = PLAIN) -> Tensor:
        """Map images ``x`` [n, channels, height, width] to maps [n, *map_shape]."""
        return self.feature_map_by(self.chosen, parameters, x, at)

    def features_by(
        self, weights: CellWeights, parameters: Mapping[str, Tensor], x: Tensor, at: Pass = PLAIN
    ) -> Tensor:
        """As ``features``, of other operations than the configured ones, or of weights of all; see ``Cell.run``."""
        maps = self.feature_map_by(weights, parameters, x, at)
        return maps.mean(dim=(2, 3)) if self.config.average else maps.flatten(1)

    def feature_map_by(
        self, weights: CellWeights, parameters: Mapping[str, Tensor], x: Tensor, at: Pass = PLAIN
    ) -> Tensor:
        """As ``feature_map``, of other operations than the configured ones, or of weights of all; see ``Cell.run``.

        Channels-last memory makes the convolutions and their second derivatives faster on CPUs.
        """
        if not self.transformed:  # under vmap an image has no memory of its own
            x = x.to(memory_format=torch.channels_last)
        with multiplying(x, self.bfloat16):
            x = self.layers.conv_norm(x, parameters, "stem", at, self.config.stem_stride)
            for stage, cells in enumerate(self._stages):
                if stage:
                    x = self._reductions[stage - 1].run(x, parameters, weights.reduction, at, self.layers)
                for cell in cells:
                    x = cell.run(x, parameters, weights.normal, at, self.layers)
            return F.relu(self.layers.normalise(x, parameters, "last", at))

    def _reduction(self, name: str, inputs: int, outputs: int) -> Residual | ReductionCell:
        if self.config.reduction is None:
            return Residual(name, inputs, outputs)
        return ReductionCell(name, inputs, outputs, self.config.nodes)

    def _init(self, generator: Generator, normal: Edges | None, reduction: Edges | None) -> Tensors:
        config = self.config
        found = self.layers.init("stem", self.input_shape[0], config.channels, 3, generator)
        for each in self._reductions:
            found |= each.init(reduction, generator, self.layers)
        for cell in (cell for cells in self._stages for cell in cells):
            found |= cell.init(normal, generator, self.layers)
        return found | self.layers.init_norm("last", config.widths[-1])
