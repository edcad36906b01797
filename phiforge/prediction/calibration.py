"""How far probabilities can be trusted, and from which on a picture counts as of one of the classes.

Both are learned on tasks of the validation classes, of the shape of the task at hand: the temperature (Guo et al.
2017, "On Calibration of Modern Neural Networks", section 4.2) and the threshold on all of them. What they are worth is
measured on each half by what the other teaches. A query of another task stands for a picture of none of the classes.
What tells one is the model's largest output, which says more than a probability where models measure distances.
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

    ``error`` and ``error_before``: expected calibration error with and without ``temperature``. ``threshold``: below it
    the largest output means that a picture is of none of the classes, at a rate of ``false_accept``; with it
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

    def without_threshold(self) -> "Calibration":
        """Return the same without a way to tell pictures of other classes."""
        return self._replace(threshold=None, false_accept_found=None, false_reject=None)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return self._asdict()


def calibrate(halves: tuple[Answers, Answers], shape: tuple[int, int, bool, int], false_accept: float) -> Calibration:
    """Return what answers teach, and what that is worth: on each half by what the other teaches, all taken together.

    Args:
        halves: answers on each half of the tasks.
        shape: ``n_way``, ``k_shot``, whether queries depend on each other, and the number of all tasks.
        false_accept: which share of the pictures of other classes may be accepted, in (0, 1).
    """
    whole = joined(halves)
    worth = [_worth(learn, measure, false_accept) for learn, measure in (halves, halves[::-1])]
    scaled, accepted, rejected = (torch.cat(parts) for parts in zip(*worth, strict=True))
    labels = torch.cat([half.labels for half in halves[::-1]])
    n_way, k_shot, transductive, tasks = shape
    return Calibration(
        n_way=n_way,
        k_shot=k_shot,
        transductive=transductive,
        tasks=tasks,
        temperature=best_temperature(whole.inside, whole.labels),
        error=expected_calibration_error(scaled, labels),
        error_before=expected_calibration_error(whole.inside, whole.labels),
        accuracy=float((whole.inside.argmax(dim=1) == whole.labels).double().mean()),
        false_accept=false_accept,
        threshold=_threshold(whole.outside, false_accept),
        false_accept_found=_share(accepted),
        false_reject=_share(rejected),
    )


def _worth(learn: Answers, measure: Answers, false_accept: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return, on ``measure`` by what ``learn`` teaches, the scaled outputs, what was accepted and what rejected."""
    scaled = measure.inside.double() / best_temperature(learn.inside, learn.labels)
    threshold = _threshold(learn.outside, false_accept)
    if threshold is None:
        nothing = torch.zeros(0, dtype=torch.bool)
        return scaled, nothing, nothing
    return scaled, largest(measure.outside) >= threshold, largest(measure.inside) < threshold


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


def largest(outputs: Tensor) -> Tensor:
    """Return the largest of each row of ``outputs`` [n, n_way], as float64."""
    return outputs.double().max(dim=1).values if len(outputs) else outputs.new_zeros(0, dtype=torch.float64)


def _threshold(outside: Tensor, false_accept: float) -> float | None:
    """Return the output that the wanted share of pictures of other classes reaches; None if there are none."""
    return float(torch.quantile(largest(outside), 1 - false_accept)) if len(outside) else None


def _share(truth: Tensor) -> float | None:
    return float(truth.double().mean()) if len(truth) else None
