"""NSGA-II (Deb et al. 2002), Optuna's: children of those that few others dominate, spread along the front."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from phiforge.registry import PartConfig
from phiforge.search.history import Told
from phiforge.search.proposers.bases.by_optuna import OptunaProposer

FEWEST = 2
"""Trials of a generation that can have children."""


class NsgaIiConfig(PartConfig):
    """Nothing to set: a generation of the study is one of the algorithm."""

    name: Literal["nsga_ii"] = "nsga_ii"


class NsgaIi(OptunaProposer):
    """Proposes children of two parents, by uniform crossover and mutation; for several objectives."""

    Config = NsgaIiConfig
    config: NsgaIiConfig
    several = True
    one_by_one = False

    @classmethod
    def refuses(cls, config: Any, space: Any, generation: int) -> Iterator[str]:  # noqa: ANN401 - its own; a Space
        """Refuse generations of one, which has nobody to have children with."""
        if generation < FEWEST:
            yield f"'nsga_ii' takes generations of {FEWEST} trials or more, and generation is {generation}"

    def sampler(self, seed: int, history: Sequence[Told]) -> Any:  # noqa: ANN401 - of Optuna
        """Return Optuna's sampler, whose population is those of the last generation that have values."""
        from optuna.samplers import NSGAIISampler

        last = [told for told in history if told.generation == history[-1].generation and told.cost is not None]
        return NSGAIISampler(population_size=max(FEWEST, len(last)), seed=seed)

    def attributes(self, told: Told) -> dict[str, Any]:
        """Return the generation, by which the sampler knows its population."""
        from optuna.samplers import NSGAIISampler

        return {NSGAIISampler._get_generation_key(): told.generation}
