"""A classifier: what F_φ made of a support set."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import EVALUATION, Learner, Predictor
from phiforge.prediction.alone import in_batches, one_at_a_time
from phiforge.prediction.calibration import Calibration, largest
from phiforge.prediction.learned import Learned
from phiforge.prediction.neighbours import Neighbours
from phiforge.prediction.pictures import Picture, inputs_of
from phiforge.prediction.predictions import Prediction
from phiforge.prediction.support import Support


class Classifier:
    """Tells the classes of one support set apart.

    Args:
        learned: φ, and how it is used.
        support: what was learned from.
        calibration: what probabilities are corrected by, and from which on a picture counts as of one of the classes.
        transductive: whether pictures that are given together are normalised together, so that the answer for one
            depends on the others; only where the learner does that at all.

    Raises TaskError if the learner does not serve tasks of so many classes.

    Example::

        classifier = phiforge.load("my-run").adapt("birds")
        for prediction in classifier.predict("new.jpg"):
            print(prediction.label, prediction.probability)
    """

    def __init__(
        self, learned: Learned, support: Support, calibration: Calibration | None = None, transductive: bool = False
    ) -> None:
        self.learned, self.support, self.calibration = learned, support, calibration
        learner = learned.learner(len(support.labels))
        self.transductive = transductive and learner.transductive
        self._predict = adapted(learner, learned, support.x, support.y, transductive=self.transductive)
        self.neighbours = Neighbours(learner, learned, support)

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in order of their name."""
        return self.support.labels

    def predict(self, pictures: Picture | Iterable[Picture]) -> list[Prediction]:
        """Return, of each picture in order, all labels with their probabilities.

        Args:
            pictures: one, many, or a folder of them: paths, bytes, Pillow's images, uint8 arrays and tensors of pixels,
                or floats [n, channels, height, width] in [0, 1] that are inputs already.

        Raises:
            DataError: that tells at once which pictures cannot be used.
        """
        inputs = inputs_of(pictures, self.learned)
        return self.predictions(inputs.x, inputs.names)

    def predictions(self, x: Tensor, names: Sequence[str]) -> list[Prediction]:
        """Return the predictions for inputs ``x`` [n, channels, height, width]."""
        return self.of_outputs(self.outputs(x), names)

    def of_outputs(self, outputs: Tensor, names: Sequence[str]) -> list[Prediction]:
        """Return the predictions that ``outputs`` [n, classes] of the model come to."""
        rows = zip(names, self.probabilities(outputs).tolist(), largest(outputs).tolist(), strict=True)
        return [self._prediction(name, row, most) for name, row, most in rows]

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Return the probability [n, classes] of each class, of ``outputs`` [n, classes]."""
        temperature = self.calibration.temperature if self.calibration else 1.0
        return (outputs.double() / temperature).softmax(dim=1)

    def outputs(self, x: Tensor) -> Tensor:
        """Return the model's own outputs [n, classes], on the CPU."""
        return self._predict(x).cpu()

    def traced(self, x: Tensor) -> Tensor:
        """Return the model's own outputs [1, classes] for one input, as operations that an exporter can follow."""
        return self._predict(x)

    def save(self, folder: str | Path) -> Path:
        """Write it into a folder, which ``phiforge.load_classifier`` reads: φ, the support set and the calibration.

        Raises:
            OSError: if the folder cannot be written.
        """
        from phiforge.prediction.files import write_classifier

        return write_classifier(self, Path(folder))

    def _prediction(self, name: str, row: Sequence[float], most: float) -> Prediction:
        ranked = sorted(zip(self.labels, row, strict=True), key=lambda pair: -pair[1])
        threshold = self.calibration.threshold if self.calibration else None
        known = None if threshold is None else most >= threshold
        return Prediction(name, tuple(ranked), known)


def adapted(learner: Learner, learned: Learned, x: Tensor, y: Tensor, *, transductive: bool) -> Predictor:
    """Return what F_φ makes of a support set.

    Args:
        learner: F_φ for tasks of as many classes.
        learned: φ.
        x: the support set, [n, channels, height, width].
        y: its labels, [n].
        transductive: whether queries may depend on each other.
    """
    phi = learned.phi
    like = next(iter(phi.values())) if phi else x
    x = x.to(like)
    generator = torch_generator(learned.spec.seed, "prediction")
    with torch.no_grad():
        predict = learner.adapt(phi, x, y.to(like.device), EVALUATION, generator)
    if not transductive:
        predict = one_at_a_time(predict, x) if learner.transductive else in_batches(predict)

    @torch.no_grad()
    def predicting(query_x: Tensor) -> Tensor:
        return predict(query_x.to(like))

    return predicting
