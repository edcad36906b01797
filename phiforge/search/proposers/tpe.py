"""The tree-structured Parzen estimator (Bergstra et al. 2011), Optuna's: densities of good and of bad points."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from phiforge.registry import PartConfig
from phiforge.search.history import Told
from phiforge.search.proposers.bases.by_optuna import OptunaProposer


class TpeConfig(PartConfig):
    """How it begins, and what it looks at."""

    name: Literal["tpe"] = "tpe"
    startup: int = Field(default=10, ge=1, description="Random trials before the densities count.")
    candidates: int = Field(default=24, ge=1, description="Points of which the one with the best ratio is proposed.")
    multivariate: bool = Field(
        default=True, description="One density of all fields, not one each; never of a space with conditions."
    )


class Tpe(OptunaProposer):
    """Proposes where the density of good trials is high beside that of bad ones; trials under way count as bad."""

    Config = TpeConfig
    config: TpeConfig
    several = True

    def sampler(self, seed: int, history: Sequence[Told]) -> Any:  # noqa: ANN401 - of Optuna
        """Return Optuna's sampler, which takes conditional fields one by one."""
        from optuna.samplers import TPESampler

        return TPESampler(
            n_startup_trials=self.config.startup,
            n_ei_candidates=self.config.candidates,
            multivariate=self.config.multivariate and not self.space.conditional,
            constant_liar=True,
            seed=seed,
        )
