"""What a proposer is: a pure function from what was found so far to the points to try next."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from phiforge.base.errors import MissingPartError
from phiforge.base.seeds import SeedPart, numpy_generator
from phiforge.registry import PROPOSERS, PartConfig
from phiforge.registry.abilities import ProposerPart
from phiforge.search.history import Told
from phiforge.spec.studies.space import Point, Space


class Proposer(ProposerPart, ABC):
    """One way to search. It keeps nothing: whoever asks again, anywhere, is told the same.

    Args:
        config: its own configuration.
        space: what is searched.
        seed: names all that it draws.

    Example::

        proposer = build_proposer(RandomConfig(), space, seed=0)
        points = proposer.propose([], range(8))
    """

    under_way: Sequence[Point] = ()
    """Points of trials that are not over while it proposes: there are some with asynchronous proposals alone."""

    aims: int = 1
    """How many objectives there are."""

    def __init__(self, config: Any, space: Space, seed: int) -> None:  # noqa: ANN401 - its own configuration
        self.config, self.space, self.seed = config, space, seed

    @abstractmethod
    def propose(self, history: Sequence[Told], numbers: range) -> list[Point]:
        """Return the points of the trials ``numbers``, in order; fewer, or none, if it has run out of proposals.

        Args:
            history: every trial of the generations before, in order of number.
            numbers: of the trials that are proposed.
        """

    def parents(self, history: Sequence[Told], numbers: range) -> list[int | None]:
        """Return, of each of the trials that ``propose`` returns, the number of the one that it goes on from.

        None: from φ₀, as all trials do by default.
        """
        return [None for _ in numbers]

    def drawn(self, *name: SeedPart) -> float:
        """Return a number in [0, 1) that depends on the seed and ``name`` alone."""
        return float(numpy_generator(self.seed, self.name, *name).random())

    def random_point(self, *name: SeedPart) -> Point:
        """Return a random point of the space, named by ``name``."""
        return self.space.point(lambda field: self.drawn(*name, field))


def lacking(part: type[ProposerPart]) -> str | None:
    """Return what to install for a proposer of that kind to work here; None if all is there."""
    missing = [module for module in part.needs if find_spec(module) is None]
    if not missing:
        return None
    return f"{part.name!r} needs {' and '.join(missing)}, not installed here; type pip install 'phiforge[search]'"


def build_proposer(config: PartConfig, space: Space, seed: int) -> Proposer:
    """Return the proposer that ``config`` describes; raises MissingPartError if there is none such here."""
    part = PROPOSERS.built_on(Proposer, config.name)
    if why := lacking(part):
        raise MissingPartError(f"proposer {why}")
    return part(config, space, seed)
