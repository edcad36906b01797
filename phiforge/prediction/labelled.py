"""How a classifier does on pictures whose labels are known."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from phiforge.base.errors import DataError
from phiforge.learning.statistics import estimate
from phiforge.prediction.calibration import expected_calibration_error
from phiforge.prediction.classifier import Classifier
from phiforge.prediction.predictions import Prediction
from phiforge.prediction.support import Support
from phiforge.tasks.datasets.bases.problems import quoted


class Evaluated(NamedTuple):
    """What came out.

    ``accuracy`` and its 95 % interval are over the ``pictures`` of the classifier's own classes. ``strangers`` are
    pictures of other classes; of them, and of the others, the shares that were said to be of none of the classes.
    """

    pictures: int
    accuracy: float
    accuracy_ci95: float
    by_class: dict[str, float]
    expected_calibration_error: float
    transductive: bool
    rejected: float | None
    strangers: int
    strangers_rejected: float | None
    remarks: list[str]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return self._asdict()


def evaluate(classifier: Classifier, query: Support) -> tuple[Evaluated, list[Prediction]]:
    """Return how a classifier does on labelled pictures, and what it said of each.

    Args:
        classifier: what is judged.
        query: labelled pictures, of its classes or of others.

    Raises:
        DataError: if there are fewer than two pictures of its classes.
    """
    found = classifier.predictions(query.x, query.names)
    truth = [query.labels[int(label)] for label in query.y]
    known = [index for index, label in enumerate(truth) if label in classifier.labels]
    if len(known) < 2:
        raise DataError(
            f"the pictures to judge by are of {quoted(query.labels)}, the classifier's classes are "
            f"{quoted(classifier.labels)}: give at least two pictures of these"
        )
    right = [float(found[index].label == truth[index]) for index in known]
    score = estimate(right)
    others = [each for each, label in zip(found, truth, strict=True) if label not in classifier.labels]
    return Evaluated(
        pictures=len(known),
        accuracy=score.mean,
        accuracy_ci95=score.ci95,
        by_class=_by_class([truth[index] for index in known], right),
        expected_calibration_error=_calibration_error(classifier, query, known, truth),
        transductive=classifier.transductive,
        rejected=_rejected([found[index] for index in known]),
        strangers=len(others),
        strangers_rejected=_rejected(others),
        remarks=_seen_before(classifier, query),
    ), found


def _by_class(truth: list[str], right: list[float]) -> dict[str, float]:
    shares: dict[str, list[float]] = {}
    for label, each in zip(truth, right, strict=True):
        shares.setdefault(label, []).append(each)
    return {label: sum(each) / len(each) for label, each in sorted(shares.items())}


def _calibration_error(classifier: Classifier, query: Support, known: list[int], truth: list[str]) -> float:
    labels = torch.tensor([classifier.labels.index(truth[index]) for index in known])
    return expected_calibration_error(classifier.probabilities(classifier.outputs(query.x))[known].log(), labels)


def _rejected(found: list[Prediction]) -> float | None:
    if not found or found[0].known is None:
        return None
    return sum(each.known is False for each in found) / len(found)


def _seen_before(classifier: Classifier, query: Support) -> list[str]:
    """Return a remark if pictures to judge by are those that were learned from."""
    there = set(map(_bytes, classifier.support.x))
    again = [name for name, x in zip(query.names, query.x, strict=True) if _bytes(x) in there]
    if not again:
        return []
    return [f"{len(again)} of the pictures to judge by were learned from, which flatters: {quoted(again)}"]


def _bytes(x: Tensor) -> bytes:
    return x.contiguous().numpy().tobytes()
