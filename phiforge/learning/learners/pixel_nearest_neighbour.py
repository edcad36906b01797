"""Pixel nearest neighbour: the floor under every claim, with nothing learned."""

from typing import Literal

from torch import Generator, Tensor

from phiforge.learning.learners.bases.learner import Learner, Mode, Phi, Predictor
from phiforge.learning.learners.bases.metric import largest_of_class, squared_distances
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig


class PixelNearestNeighbourConfig(PartConfig):
    """Nothing to set."""

    name: Literal["pixel_nearest_neighbour"] = "pixel_nearest_neighbour"


class PixelNearestNeighbour(Learner):
    """φ is empty; F_φ labels a query like the support image nearest to it in Euclidean distance of pixels."""

    Config = PixelNearestNeighbourConfig
    learns = False
    any_n_way = True

    @property
    def transductive(self) -> bool:
        """Never: each query is looked at by itself."""
        return False

    def init_phi(self, generator: Generator) -> Tensors:
        """Return the empty φ."""
        return {}

    def adapt(self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator) -> Predictor:
        """Return the classifier whose logit of a class is minus the squared distance to its nearest support image."""
        pixels = support_x.flatten(1)
        return lambda query_x: largest_of_class(
            -squared_distances(query_x.flatten(1), pixels), support_y, self.shape.n_way
        )
