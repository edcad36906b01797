"""A model that was meta-trained: shown a few labelled pictures of classes it never saw, it tells them apart."""

from collections.abc import Sequence

from phiforge.prediction.calibration import Calibration
from phiforge.prediction.classifier import Classifier
from phiforge.prediction.learned import Learned
from phiforge.prediction.material import Material
from phiforge.prediction.support import Labelled, Support, support_of
from phiforge.prediction.validation import FALSE_ACCEPT, Shape


class Model:
    """φ of one version of a run, ready to be adapted.

    Args:
        learned: φ, and how it is used.
        calibrations: those that are known already.
        material: where further ones can be learned; None if there are no validation tasks at hand.

    Example::

        model = phiforge.load("my-run")
        classifier = model.adapt({"cat": ["cat1.jpg", "cat2.jpg"], "dog": ["dog1.jpg"]})
        [prediction] = classifier.predict("new.jpg")
        print(prediction.label, prediction.probability)
    """

    def __init__(
        self, learned: Learned, calibrations: Sequence[Calibration] = (), material: Material | None = None
    ) -> None:
        self.learned, self.calibrations, self.material = learned, tuple(calibrations), material

    @property
    def transductive(self) -> bool:
        """Whether its learner can look at all pictures together, which it does only if ``adapt`` is told so."""
        return self.learned.learner(self.learned.spec.task.n_way).transductive

    def adapt(
        self,
        support: Labelled,
        labels: Sequence[str] | None = None,
        *,
        transductive: bool = False,
        calibrate: bool = True,
        false_accept: float | None = None,
    ) -> Classifier:
        """Return the classifier that F_φ makes of labelled pictures, of any number of classes that its learner takes.

        Args:
            support: a folder, zip or tar of one folder a class; pictures by label; or pictures, with ``labels``.
            labels: of each picture, where ``support`` does not say.
            transductive: let pictures that are predicted together be normalised together: often more accurate, but
                the answer for one depends on the others. By default it does not.
            calibrate: correct probabilities, and find from which on a picture is of one of the classes at all: by the
                validation tasks of the run, in the shape of this support set, or else by what an export brought.
            false_accept: which share of pictures of other classes may be taken for one of these, in (0, 1); 0.05 by
                default. Another one needs the validation tasks.

        Raises:
            DataError: if a picture cannot be used.
            TaskError: if the learner does not serve so many classes, or labels are missing.
        """
        found = support_of(support, self.learned, labels)
        self.learned.learner(len(found.labels))
        calibration = self.calibration_for(found, transductive, false_accept) if calibrate else None
        return Classifier(self.learned, found, calibration, transductive)

    def calibration_for(
        self, support: Support, transductive: bool = False, false_accept: float | None = None
    ) -> Calibration | None:
        """Return the calibration for tasks of the shape of a support set, if there is any."""
        shape = Shape(len(support.labels), support.shots, transductive and self.transductive)
        if self.material is not None:
            return self.material.calibration(self.learned, shape, false_accept or FALSE_ACCEPT)
        near = sorted(
            self.calibrations,
            key=lambda each: (
                each.transductive != shape.transductive,
                abs(each.n_way - shape.n_way),
                abs(each.k_shot - shape.k_shot),
            ),
        )
        return near[0].of(shape.n_way, shape.transductive) if near else None
