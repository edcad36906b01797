"""How far probabilities can be trusted, and from which on a picture counts as of one of the classes.

Both are learned on tasks of the validation classes, of the shape of the task at hand: the temperature (Guo et al.
2017, "On Calibration of Modern Neural Networks", section 4.2) and the threshold on one half of them, what they are
worth on the other. A query of another task stands for a picture of none of the classes.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

BINS = 15
"""Of equal width, as in the paper's experiments."""
_GOLDEN = (math.sqrt(5) - 1) / 2
_LEAST, _MOST, _ROUNDS = math.log(1e-3), math.log(1e3), 60


class Answers(NamedTuple):
    """Outputs of models on tasks: ``inside`` [n, n_way] for queries with ``labels`` [n], ``outside`` [m, n_way]."""

    inside: Tensor
    labels: Tensor
    outside: Tensor


class Calibration(NamedTuple):
    """What was learned on ``tasks`` validation tasks of one shape.

    ``error`` and ``error_before``: expected calibration error with and without ``temperature``. ``threshold``: the
    probability below which a picture counts as of none of the classes, for a rate of ``false_accept``; at it
    ``false_accept_found`` of the pictures of other classes were accepted, ``false_reject`` of the others rejected.
    """

    n_way: int
    k_shot: int
    transductive: bool
    tasks: int
    temperature: float
    error: float
    error_before: float
    accuracy: float
    false_accept: float
    threshold: float | None = None
    false_accept_found: float | None = None
    false_reject: float | None = None

    def of(self, n_way: int, transductive: bool) -> "Calibration":
        """Return what holds of it for tasks of a shape: of another number of classes the temperature alone."""
        if (self.n_way, self.transductive) == (n_way, transductive):
            return self
        return self._replace(threshold=None, false_accept_found=None, false_reject=None)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return self._asdict()


def calibrate(learn: Answers, measure: Answers, shape: tuple[int, int, bool, int], false_accept: float) -> Calibration:
    """Return what ``learn`` teaches, and what it is worth on ``measure``.

    Args:
        learn: answers on one half of the tasks.
        measure: answers on the other.
        shape: ``n_way``, ``k_shot``, whether queries depend on each other, and the number of all tasks.
        false_accept: which share of the pictures of other classes may be accepted, in (0, 1).
    """
    temperature = best_temperature(learn.inside, learn.labels)
    threshold = _threshold(learn.outside, temperature, false_accept)
    inside, outside = _confidence(measure.inside, temperature), _confidence(measure.outside, temperature)
    n_way, k_shot, transductive, tasks = shape
    return Calibration(
        n_way=n_way,
        k_shot=k_shot,
        transductive=transductive,
        tasks=tasks,
        temperature=temperature,
        error=expected_calibration_error(measure.inside / temperature, measure.labels),
        error_before=expected_calibration_error(measure.inside, measure.labels),
        accuracy=float((measure.inside.argmax(dim=1) == measure.labels).double().mean()),
        false_accept=false_accept,
        threshold=threshold,
        false_accept_found=_share(outside >= threshold) if threshold is not None else None,
        false_reject=_share(inside < threshold) if threshold is not None else None,
    )


def expected_calibration_error(outputs: Tensor, labels: Tensor) -> float:
    """Return Σ over bins of |right − confident| in shares of all (Guo et al. 2017, equation 3).

    Args:
        outputs: logits [n, n_way] of queries of any number of tasks.
        labels: [n].
    """
    confidence, chosen = outputs.double().softmax(dim=1).max(dim=1)
    right = (chosen == labels).double()
    bins = (confidence * BINS).ceil().clamp(1, BINS).long() - 1
    gaps = torch.zeros(BINS, dtype=torch.float64).index_add_(0, bins, right - confidence)
    return float(gaps.abs().sum() / len(labels))


def best_temperature(outputs: Tensor, labels: Tensor) -> float:
    """Return T > 0 that minimises the cross-entropy of ``outputs`` / T; it has one minimum, as it is convex in 1/T."""
    low, high = _LEAST, _MOST
    for _ in range(_ROUNDS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if _loss(outputs, labels, left) <= _loss(outputs, labels, right):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)


def joined(answers: Sequence[Answers]) -> Answers:
    """Return the answers on several tasks together."""
    return Answers(*(torch.cat(parts) for parts in zip(*answers, strict=True)))


def _loss(outputs: Tensor, labels: Tensor, log_temperature: float) -> float:
    return float(F.cross_entropy(outputs.double() / math.exp(log_temperature), labels))


def _confidence(outputs: Tensor, temperature: float) -> Tensor:
    return (outputs.double() / temperature).softmax(dim=1).max(dim=1).values if len(outputs) else outputs.new_zeros(0)


def _threshold(outside: Tensor, temperature: float, false_accept: float) -> float | None:
    """Return the probability that the wanted share of pictures of other classes reaches; None if there are none."""
    if not len(outside):
        return None
    return float(torch.quantile(_confidence(outside, temperature), 1 - false_accept))


def _share(truth: Tensor) -> float | None:
    return float(truth.double().mean()) if len(truth) else None
