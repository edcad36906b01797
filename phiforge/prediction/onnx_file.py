"""A classifier as an ONNX file: one picture in, probabilities out, in programs that know nothing of Phiforge."""

import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from phiforge.base.errors import ServiceError, TaskError
from phiforge.prediction.classifier import Classifier

INPUT, OUTPUT = "picture", "probabilities"
TOLERANCE = 1e-4
"""How far a probability may be from the classifier's own: other libraries sum in another order."""
_NEEDED = ("onnx", "onnxruntime", "onnxscript")
_LABELS = "labels"


class _OnePicture(nn.Module):
    """A classifier as torch's exporter wants it."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self._classifier = classifier
        self._temperature = classifier.calibration.temperature if classifier.calibration else 1.0

    def forward(self, picture: Tensor) -> Tensor:
        return (self._classifier.traced(picture) / self._temperature).softmax(dim=1)


def write_onnx(classifier: Classifier, path: Path) -> float:
    """Write a classifier as ONNX, and return the largest difference to its own probabilities on its support pictures.

    The input ``picture`` [1, channels, height, width] is one that is made small already, float32 in [0, 1]; the output
    ``probabilities`` [1, classes] is in the order of the classes in the file's metadata.

    Args:
        classifier: whose answer for a picture does not depend on others.
        path: the file.

    Raises:
        ServiceError: if a library that it takes is not installed, or its answers differ.
        TaskError: if the classifier is transductive.
    """
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise ServiceError(f"ONNX needs {', '.join(missing)}: pip install 'phiforge[onnx]'")
    if classifier.transductive:
        raise TaskError("a transductive classifier looks at all pictures together, ONNX at one: adapt it without that")
    _write(classifier, path)
    difference = _difference(classifier, path)
    if not difference <= TOLERANCE:
        raise ServiceError(f"{path} answers otherwise than the classifier, by up to {difference:.2g}: do not use it")
    return difference


def _write(classifier: Classifier, path: Path) -> None:
    import onnx

    module, picture = _OnePicture(classifier).eval(), classifier.support.x[:1].float()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of libraries about libraries
        torch.onnx.export(
            module,
            (picture,),
            path,
            dynamo=True,
            verbose=False,
            input_names=[INPUT],
            output_names=[OUTPUT],
            external_data=False,
        )
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {_LABELS: "\n".join(classifier.labels)})
    onnx.save(model, path)


def _difference(classifier: Classifier, path: Path) -> float:
    """Return the largest difference of a probability, as onnxruntime computes it, over all support pictures."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    x = classifier.support.x.float()
    found = np.concatenate([session.run([OUTPUT], {INPUT: each[None].numpy()})[0] for each in x])
    wanted = classifier.probabilities(classifier.outputs(x)).numpy()
    return float(np.abs(found - wanted).max())
