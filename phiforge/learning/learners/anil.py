"""ANIL: the inner loop on the head only (Raghu et al. 2020, "Rapid Learning or Feature Reuse?", section 4)."""

from typing import Literal

from phiforge.learning.learners.bases.gradient import GradientConfig
from phiforge.learning.learners.maml import Maml
from phiforge.learning.networks.bases.headed import HEAD


class AnilConfig(GradientConfig):
    """Settings of ANIL."""

    name: Literal["anil"] = "anil"


class Anil(Maml):
    """φ is the initial θ⁰ as in MAML; F_φ moves the head and leaves the body as it is."""

    Config = AnilConfig
    whole_start = False

    def moves(self, name: str) -> bool:
        """Say whether the inner loop changes a parameter: the head's."""
        return name in HEAD
