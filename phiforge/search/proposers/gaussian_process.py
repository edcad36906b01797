"""A Gaussian process with expected improvement (Snoek et al. 2012), Optuna's: for few, dear trials."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from pydantic import Field

from phiforge.registry import PartConfig
from phiforge.search.history import Told
from phiforge.search.proposers.bases.by_optuna import OptunaProposer


class GaussianProcessConfig(PartConfig):
    """How it begins."""

    name: Literal["gaussian_process"] = "gaussian_process"
    startup: int = Field(default=10, ge=1, description="Random trials before the process counts.")


class GaussianProcess(OptunaProposer):
    """Proposes where the process expects to improve most; trials that failed or were stopped are not looked at."""

    Config = GaussianProcessConfig
    config: GaussianProcessConfig
    needs = ("optuna", "scipy")

    @classmethod
    def refuses(cls, config: Any, space: Any, generation: int) -> Iterator[str]:  # noqa: ANN401 - its own; a Space
        """Refuse conditional fields, which Optuna's process does not know of."""
        if found := space.conditional:
            yield f"'gaussian_process' takes no conditional fields such as {found[0]}; allowed with them: random, tpe"

    def sampler(self, seed: int, history: Sequence[Told]) -> Any:  # noqa: ANN401 - of Optuna
        """Return Optuna's sampler."""
        from optuna.samplers import GPSampler

        return GPSampler(n_startup_trials=self.config.startup, seed=seed)
