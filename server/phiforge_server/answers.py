"""What is said of the pictures of one request."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from phiforge.base.errors import PhiforgeError
from phiforge.prediction.classifier import Classifier
from phiforge.prediction.learned import Learned
from phiforge.prediction.pictures import Inputs, inputs_of
from phiforge_server.batches import Answer, Answers, Asked


def answers(classifier: Classifier, requests: Sequence[Asked]) -> Answers:
    """Return what each request gets: all pictures that can be read are computed together.

    Args:
        classifier: of the task that all of them ask.
        requests: the pictures of each.
    """
    read = [_read(asked, classifier.learned) for asked in requests]
    whole = [each for each in read if isinstance(each, Inputs)]
    outputs = iter(_outputs(classifier, whole))
    return [
        each if isinstance(each, PhiforgeError) else _answer(classifier, each, next(outputs), asked.nearest)
        for each, asked in zip(read, requests, strict=True)
    ]


def _read(asked: Asked, learned: Learned) -> Inputs | PhiforgeError:
    try:
        return inputs_of(asked.pictures, learned, asked.names)
    except PhiforgeError as error:  # the caller's alone, whoever else is in the batch
        return error


def _outputs(classifier: Classifier, whole: Sequence[Inputs]) -> Sequence[Tensor]:
    if not whole:
        return []
    return torch.split(classifier.outputs(torch.cat([each.x for each in whole])), [len(each.x) for each in whole])


def _answer(classifier: Classifier, inputs: Inputs, outputs: Tensor, nearest: int) -> Answer:
    predictions = [each.to_json() for each in classifier.of_outputs(outputs, inputs.names)]
    if not nearest:
        return {"predictions": predictions}
    found = classifier.neighbours.of(inputs.x, nearest)
    beside: list[dict[str, Any]] = [{"nearest": [each._asdict() for each in row]} for row in found]
    rows = [one | other for one, other in zip(predictions, beside, strict=True)]
    return {"predictions": rows, "nearest_by": classifier.neighbours.by}
