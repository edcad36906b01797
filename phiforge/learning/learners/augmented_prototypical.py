"""Prototypical networks whose support sets are augmented by a policy in φ."""

from typing import Literal

from phiforge.learning.learners.bases.augmentation.augmented import AugmentationConfig, Augmented
from phiforge.learning.learners.bases.metric import MetricConfig
from phiforge.learning.learners.prototypical import Prototypical


class AugmentedPrototypicalConfig(AugmentationConfig, MetricConfig):
    """Settings of the prototypical network with an augmentation in φ."""

    name: Literal["augmented_prototypical"] = "augmented_prototypical"


class AugmentedPrototypical(Augmented, Prototypical):
    """φ is the embedding, and a policy under ``augmentation/``: prototypes are means of images and their copies.

    Example::

        learner = build_learner(AugmentedPrototypicalConfig(), TaskShape(n_way=5, input_shape=(1, 28, 28)))
    """

    Config = AugmentedPrototypicalConfig
