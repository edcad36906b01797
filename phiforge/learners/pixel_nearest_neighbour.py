"""Pixel nearest neighbour: the floor under every claim, with nothing learned."""

from typing import Literal

from torch import Generator, Tensor

from phiforge.learners.base import Learner, Mode, Phi, Predictor
from phiforge.learners.prototypical import squared_distances
from phiforge.spec.part import Part
from phiforge.tensors import Tensors


class PixelNearestNeighbourConfig(Part):
    """Nothing to set."""

    name: Literal["pixel_nearest_neighbour"] = "pixel_nearest_neighbour"


class PixelNearestNeighbour(Learner):
    """φ is empty; F_φ labels a query like the support image nearest to it in Euclidean distance of pixels."""

    name = "pixel_nearest_neighbour"
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

        def predict(query_x: Tensor) -> Tensor:
            distances = squared_distances(query_x.flatten(1), support_x.flatten(1))
            nearest = distances.new_full((len(query_x), self.shape.n_way), float("inf"))
            labels = support_y.expand(len(query_x), -1)
            return -nearest.scatter_reduce(1, labels, distances, reduce="amin")

        return predict
