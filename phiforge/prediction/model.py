"""A model that was meta-trained: shown a few labelled pictures of classes it never saw, it tells them apart."""

from collections.abc import Sequence

from phiforge.base.errors import TaskError
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
    def run(self) -> str:
        """The id of the run that learned it."""
        return self.learned.run

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
            calibrate: correct probabilities by the validation tasks of the run, in the shape of this support set, or
                else by what an export brought.
            false_accept: tell pictures of none of the classes, so that this share of them, in (0, 1), is taken for one
                of these; by default none is told. An export knows the share 0.05 alone.

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
        return self.calibration_of(shape, false_accept)

    def calibration_of(self, shape: Shape, false_accept: float | None = None) -> Calibration | None:
        """Return the calibration for tasks of a shape, if there is any."""
        rate = FALSE_ACCEPT if false_accept is None else false_accept
        found = self.material.calibration(self.learned, shape, rate) if self.material else self._nearest(shape)
        if false_accept is not None and (found is None or (found.n_way, found.false_accept) != (shape.n_way, rate)):
            raise TaskError(
                f"no threshold of false acceptance {rate} for {shape.n_way} classes can be had here: {self._known()}"
            )
        return found.without_threshold() if found and false_accept is None else found

    def _nearest(self, shape: Shape) -> Calibration | None:
        """Return the calibration of the shape that is most like ``shape``."""

        def unlike(each: Calibration) -> tuple[bool, int, int]:
            return (
                each.transductive != shape.transductive,
                abs(each.n_way - shape.n_way),
                abs(each.k_shot - shape.k_shot),
            )

        return min(self.calibrations, key=unlike, default=None)

    def _known(self) -> str:
        if self.material is not None:
            return f"the run has {len(self.material.pool.dataset.splits['validation'])} validation classes"
        known = ", ".join(f"{each.false_accept} for {each.n_way} classes" for each in self.calibrations)
        return f"the export knows {known or 'none'}; the run itself, where its store is at hand, knows others"
