"""Batch normalisation with a prior: the statistics of a small set are drawn towards what φ holds to be usual.

Schneider et al. 2020, "Improving robustness against common corruptions by covariate shift adaptation": of the
statistics (μ, σ²) of a set of n examples and those (m, v) of the prior, which counts as N examples,

    μ̄ = (n μ + N m) / (n + N),    σ̄² = (n σ² + N v) / (n + N).

There N is set by hand, and (m, v) are those of the training data. Here all three are entries of φ: m, ln v and ln N.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from phiforge.learning.tensors import Tensors

MARK = ".prior_"
"""In the name of each entry of a prior, after that of its layer."""


def is_prior(name: str) -> bool:
    """Say whether a parameter is of a prior, which no inner loop moves."""
    return MARK in name


def init_prior(layer: str, channels: int) -> Tensors:
    """Return means of 0 and variances of 1 [channels] that count as one example."""
    return {
        f"{layer}{MARK}mean": torch.zeros(channels),
        f"{layer}{MARK}log_var": torch.zeros(channels),
        f"{layer}{MARK}log_count": torch.zeros(()),
    }


def with_prior(
    parameters: Mapping[str, Tensor], layer: str, examples: int, mean: Tensor, var: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the statistics [channels] of a set of so many examples, drawn towards the prior of a layer."""
    usual, spread, count = (parameters[f"{layer}{MARK}{part}"] for part in ("mean", "log_var", "log_count"))
    share = examples / (examples + count.exp())
    return share * mean + (1 - share) * usual, share * var + (1 - share) * spread.exp()
