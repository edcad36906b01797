"""An inner loop cut in pieces of equal length, the last one maybe shorter, each under a φ of its own."""

from collections.abc import Sequence

from phiforge.learning.learners.bases.learner import Phi


def ends_of(length: int, steps: int) -> list[int]:
    """Return after how many inner steps each piece of ``length`` steps ends: 3, 6, 7 of 3 and 7."""
    return [*range(length, steps, length), steps]


def phi_of_steps(phis: Sequence[Phi], length: int, steps: int) -> list[Phi]:
    """Return the φ of each of so many inner steps; raises ValueError unless there is one for each piece."""
    if len(phis) != len(ends_of(length, steps)):
        pieces = len(ends_of(length, steps))
        raise ValueError(f"{len(phis)} φ for {pieces} pieces of {length} of {steps} inner steps: give one for each")
    return [phis[step // length] for step in range(steps)]
