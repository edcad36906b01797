"""Matching networks: attend to the support set (Vinyals et al. 2016, "Matching Networks for One Shot Learning").

``full_context`` lets every embedding see the whole support set (sections 2.1.2 and A.1, A.2 of the paper).
"""

from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Generator, Tensor

from phiforge.learning.learners.bases.learner import Phi
from phiforge.learning.learners.bases.metric import MetricConfig, MetricLearner, membership
from phiforge.learning.networks.bases.lstm import LstmState, init_lstm, lstm_cell, zero_state
from phiforge.learning.tensors import Tensors


class MatchingConfig(MetricConfig):
    """Settings of the matching network."""

    name: Literal["matching"] = "matching"
    scale: float = Field(default=10.0, gt=0, description="Multiplies the cosines before the softmax; 1 as published.")
    full_context: bool = Field(default=False, description="Full-context embeddings.")
    steps: int = Field(default=5, ge=1, le=100, description="Steps of a query's attention, with full context.")


class Matching(MetricLearner):
    """φ embeds images; a query's class probabilities are the labels it attends to by cosine similarity (equation 1)."""

    Config = MatchingConfig
    config: MatchingConfig

    def init_phi(self, generator: Generator) -> Tensors:
        """Return the embedding's fresh parameters, and with full context those of three LSTM cells."""
        phi, size = super().init_phi(generator), self.network.feature_count
        if self.config.full_context:
            phi |= init_lstm("forward", size, size, generator) | init_lstm("backward", size, size, generator)
            phi |= init_lstm("attend", size, size, generator, recurrent=2 * size)
        return phi

    def compare(self, phi: Phi, support: Tensor, labels: Tensor, query: Tensor) -> Tensor:
        """Return the logarithm of the attention that each class gets."""
        if self.config.full_context:
            support = self._support_in_context(phi, support)
            query = self._query_in_context(phi, support, query)
        cosines = F.normalize(query, dim=1) @ F.normalize(support, dim=1).T
        attention = (self.config.scale * cosines).log_softmax(dim=1)
        others = ~membership(labels, self.shape.n_way).T
        return attention[:, None, :].masked_fill(others, float("-inf")).logsumexp(dim=2)

    def _support_in_context(self, phi: Phi, support: Tensor) -> Tensor:
        """Return g: each embedding plus what LSTMs make of those before and after it (appendix A.2)."""
        forward = self._read(phi, "forward", support)
        backward = self._read(phi, "backward", support.flip(0)).flip(0)
        return support + forward + backward

    def _read(self, phi: Phi, name: str, rows: Tensor) -> Tensor:
        state, hidden = zero_state(rows[:1], rows.shape[1]), []
        for row in rows[:, None]:
            state = lstm_cell(phi, name, row, state)
            hidden.append(state.hidden)
        return torch.cat(hidden)

    def _query_in_context(self, phi: Phi, support: Tensor, query: Tensor) -> Tensor:
        """Return f: an LSTM that reads the query again and again while it attends to the support set (A.1)."""
        state = zero_state(query, query.shape[1])
        for _ in range(self.config.steps):
            read = (state.hidden @ support.T).softmax(dim=1) @ support
            back = LstmState(torch.cat([state.hidden, read], dim=1), state.cell)
            after = lstm_cell(phi, "attend", query, back)
            state = LstmState(after.hidden + query, after.cell)
        return state.hidden
