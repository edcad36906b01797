"""MAML on support sets that are augmented by a policy in φ: initial parameters and augmentation, learned together."""

from typing import Literal

from phiforge.learning.learners.bases.augmentation.augmented import AugmentationConfig, Augmented
from phiforge.learning.learners.bases.gradient import GradientConfig
from phiforge.learning.learners.maml import Maml
from phiforge.registry import PartConfig


class AugmentedMamlConfig(AugmentationConfig, GradientConfig):
    """Settings of MAML with an augmentation in φ."""

    name: Literal["augmented_maml"] = "augmented_maml"


class AugmentedMaml(Augmented, Maml):
    """φ is θ⁰ as MAML's, and a policy under ``augmentation/`` that the query loss teaches through the inner loop.

    Example::

        learner = build_learner(AugmentedMamlConfig(copies=2), TaskShape(n_way=5, input_shape=(1, 28, 28)))
        phi = learner.init_phi(torch_generator("phi"))
        images, labels = learner.augmented(phi, support_x, support_y, torch_generator(0))  # three times as many
    """

    Config = AugmentedMamlConfig

    @classmethod
    def refuses_constants(cls, config: PartConfig) -> str | None:
        """Refuse inner gradients as constants, through which no policy learns."""
        return "has an augmentation, which acts through inner gradients alone and"
