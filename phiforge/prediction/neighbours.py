"""Which pictures of the support set are most like a new one: by the embedding that φ learned, or else by pixels."""

from functools import cached_property
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from phiforge.learning.learners import EVALUATION, Learner
from phiforge.learning.learners.bases.networked import EmbeddingLearner
from phiforge.prediction.alone import in_batches, one_at_a_time
from phiforge.prediction.learned import Learned
from phiforge.prediction.support import Support


class Neighbour(NamedTuple):
    """One picture of the support set: the ``number``-th, from 0, that was given of ``label``, and how far away it is.

    ``distance`` is Euclidean.
    """

    label: str
    number: int
    distance: float


class Neighbours:
    """Finds the support pictures nearest to new ones.

    ``by``: "embedding", where the learner compares features of a network; "pixels" of any other, whose answer does not
    come from looking at pictures of the support set one by one.

    Args:
        learner: F_φ for as many classes as the support set has.
        learned: φ.
        support: among which is looked.
    """

    by: Literal["embedding", "pixels"]

    def __init__(self, learner: Learner, learned: Learned, support: Support) -> None:
        self._learner, self._phi, self._support = learner, learned.phi, support
        self.by = "embedding" if isinstance(learner, EmbeddingLearner) else "pixels"
        self._numbers = _numbers(support)

    @torch.no_grad()
    def of(self, x: Tensor, count: int) -> list[list[Neighbour]]:
        """Return, for each of ``x`` [n, channels, height, width], the ``count`` nearest pictures, the nearest first."""
        distances = self._distances(x)
        nearest = distances.sort(dim=1, stable=True)
        rows = zip(nearest.indices[:, :count].tolist(), nearest.values[:, :count].tolist(), strict=True)
        return [[self._neighbour(*pair) for pair in zip(*row, strict=True)] for row in rows]

    def _distances(self, x: Tensor) -> Tensor:
        """Return the distances [n, pictures of the support set]."""
        if not isinstance(self._learner, EmbeddingLearner):
            return torch.cdist(x.flatten(1), self._support.x.flatten(1))
        support, x = self._support_x, x.to(self._support_x)
        # As the learner looks at them: a normalisation by the set at hand sees each new picture beside the support set.
        alone = one_at_a_time(self._features, support) if self._learner.transductive else in_batches(self._features)
        return torch.cdist(alone(x), self._support_features).cpu()

    @cached_property
    def _support_x(self) -> Tensor:
        return self._support.x.to(next(iter(self._phi.values())))

    @cached_property
    def _support_features(self) -> Tensor:
        """Features of the support set, which stay the same whatever is asked."""
        return self._features(self._support_x)

    def _features(self, x: Tensor) -> Tensor:
        assert isinstance(self._learner, EmbeddingLearner)
        return self._learner.network.features(self._phi, x, EVALUATION.at(0))

    def _neighbour(self, index: int, distance: float) -> Neighbour:
        label = self._support.labels[int(self._support.y[index])]
        return Neighbour(label, self._numbers[index], distance)


def _numbers(support: Support) -> list[int]:
    """Return of each picture how many of its class came before it."""
    seen = [0] * len(support.labels)
    numbers = []
    for label in support.y.tolist():
        numbers.append(seen[label])
        seen[label] += 1
    return numbers
