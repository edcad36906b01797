"""Predictions that depend on the support set and one query alone, of models that look at all queries together."""

import torch
from torch import Tensor

from phiforge.learning.learners import Predictor

BATCH = 64
"""Queries that are computed together where none depends on another."""


def one_at_a_time(predict: Predictor, support_x: Tensor) -> Predictor:
    """Return ``predict`` with each query shown beside the support set, as if there were no other.

    So normalisation by the set at hand sees what it saw when the model was made, and one query more.

    Args:
        predict: a transductive model.
        support_x: what it was made of, [n, ...].
    """

    def alone(query_x: Tensor) -> Tensor:
        return torch.stack([predict(torch.cat([support_x, query[None]]))[-1] for query in query_x])

    return alone


def in_batches(predict: Predictor) -> Predictor:
    """Return ``predict``, of a model that is not transductive, with no more than ``BATCH`` queries at once."""
    return lambda query_x: torch.cat([predict(part) for part in torch.split(query_x, BATCH)])
