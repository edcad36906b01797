"""BOIL: the inner loop on the body only (Oh et al. 2021, section 3)."""

from typing import Literal

from phiforge.learning.learners.bases.gradient import GradientConfig
from phiforge.learning.learners.maml import Maml
from phiforge.learning.networks.bases.headed import HEAD


class BoilConfig(GradientConfig):
    """Settings of BOIL."""

    name: Literal["boil"] = "boil"


class Boil(Maml):
    """φ is the initial θ⁰ as in MAML; F_φ moves the body and leaves the head as it is (section 3, equation 2)."""

    Config = BoilConfig
    whole_start = False

    def moves(self, name: str) -> bool:
        """Say whether the inner loop changes a parameter: any but the head's."""
        return super().moves(name) and name not in HEAD
