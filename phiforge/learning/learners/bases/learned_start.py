"""What learners that also learn how far to step have in common: φ holds the start under ``start/``."""

from phiforge.learning.learners.bases.gradient import GradientLearner
from phiforge.learning.learners.bases.learner import Phi
from phiforge.learning.learners.bases.prefixes import START
from phiforge.learning.networks.bases.normalisation import is_statistic
from phiforge.learning.tensors import Tensors, with_prefix, without_prefix


class LearnedStart(GradientLearner):
    """φ = θ⁰ under ``start/``, statistics under their own names, and whatever else the rule of the inner loop needs."""

    def start(self, phi: Phi) -> Tensors:
        """Return θ⁰ and the statistics of φ."""
        return without_prefix(START, phi) | {name: value for name, value in phi.items() if is_statistic(name)}

    def with_start(self, parameters: Tensors) -> Tensors:
        """Return the model's fresh ``parameters`` as they stand in φ."""
        statistics = {name: value for name, value in parameters.items() if is_statistic(name)}
        moved = {name: value for name, value in parameters.items() if not is_statistic(name)}
        return with_prefix(START, moved) | statistics
