"""What a proof is: a name, and a measurement that holds against a limit."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Figure(NamedTuple):
    """What a proof measured: it holds if ``value`` is at most ``limit``, or ``above`` it if so said.

    Counts of what is wrong have the limit 0.
    """

    value: float
    limit: float = 0.0
    above: bool = False

    @property
    def holds(self) -> bool:
        """Say whether the proof is one; an error that is not a number is none."""
        return self.value > self.limit if self.above else self.value <= self.limit


@dataclass(frozen=True)
class Proof:
    """One thing that is shown of a part.

    Args:
        name: what it shows, as a sentence without its subject.
        measure: measures it; an exception counts as a proof that does not hold.
        asked: whether the part must pass; else the figure is only told.

    Example::

        @classmethod
        def proofs(cls) -> list[Proof]:
            return [Proof("is as loud as it says", lambda: Figure(abs(volume() - 1), 1e-6))]
    """

    name: str
    measure: Callable[[], Figure]
    asked: bool = True


@dataclass(frozen=True)
class Measured:
    """A proof that was measured; ``error`` says what broke it off, if something did."""

    proof: Proof
    figure: Figure
    error: str = ""

    @property
    def holds(self) -> bool:
        """Say whether the part may be used, as far as this proof goes."""
        return self.figure.holds or not self.proof.asked


def measured(proof: Proof) -> Measured:
    """Return what a proof comes to."""
    try:
        return Measured(proof, proof.measure())
    except Exception as error:  # a part's own code, whatever it raises
        return Measured(proof, Figure(math.nan), f"{type(error).__name__}: {error}".splitlines()[0])


def count(wrong: Iterable[object]) -> Figure:
    """Return how many of ``wrong`` are true; none is what holds."""
    return Figure(float(sum(map(bool, wrong))))
