"""Proposers that are samplers of Optuna: a study in memory is told the history, and asked."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from phiforge.base.seeds import seed_of
from phiforge.search.history import Told
from phiforge.search.proposers.bases.proposer import Proposer
from phiforge.spec.studies.dimension import Dimension, position_of
from phiforge.spec.studies.space import Point

_STEPS = 1000
"""Of a whole trial, as Optuna counts how far a trial came that was stopped."""


class OptunaProposer(Proposer):
    """Asks a sampler of Optuna, made afresh for each generation with a seed that names it."""

    needs: ClassVar[tuple[str, ...]] = ("optuna",)

    @abstractmethod
    def sampler(self, seed: int, history: Sequence[Told]) -> Any:  # noqa: ANN401 - of Optuna, imported where it is used
        """Return the sampler."""

    def attributes(self, told: Told) -> dict[str, Any]:
        """Return what the sampler keeps of a trial beside its values."""
        return {}

    def propose(self, history: Sequence[Told], numbers: range) -> list[Point]:
        """Return the points that the sampler is asked for, one after the other, each knowing those before."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        seed = seed_of(self.seed, self.name, numbers.start) % 2**32
        sampler = self.sampler(seed, history)
        study = optuna.create_study(sampler=sampler, directions=["minimize"] * self.aims)
        study.add_trials([self._frozen(each) for each in history] + [self._running(each) for each in self.under_way])
        return [self._asked(study.ask()) for _ in numbers]

    def _asked(self, trial: Any) -> Point:  # noqa: ANN401 - of Optuna
        return self.space.filled(lambda field: _suggested(trial, field, self.space[field]))

    def _frozen(self, told: Told) -> Any:  # noqa: ANN401 - of Optuna
        """Return a trial as Optuna takes it; one that failed is as bad as can be."""
        from optuna.trial import TrialState, create_trial

        whole = told.cost is not None and told.share == 1
        reached = {} if whole or told.cost is None else {round(_STEPS * told.share): told.cost}
        return create_trial(
            state=TrialState.COMPLETE if whole else TrialState.PRUNED,
            values=_costs(told) if whole else None,
            intermediate_values=reached,
            system_attrs=self.attributes(told),
            **self._where(told.point),
        )

    def _running(self, point: Point) -> Any:  # noqa: ANN401 - of Optuna
        """Return a trial that is under way as Optuna takes it."""
        from optuna.trial import TrialState, create_trial

        return create_trial(state=TrialState.RUNNING, **self._where(point))

    def _where(self, point: Point) -> dict[str, Any]:
        return {
            "params": {field: plain(self.space[field], value) for field, value in point.items()},
            "distributions": {field: distribution(self.space[field]) for field in point},
        }


def _costs(told: Told) -> list[float]:
    return list(told.costs) or [each for each in [told.cost] if each is not None]


def plain(dimension: Dimension, value: Any) -> Any:  # noqa: ANN401 - any value of a spec
    """Return a value as Optuna takes it: of a choice its position, for a value may be a whole section."""
    if dimension.is_choice:
        return position_of(value, dimension.values)
    return int(value) if dimension.is_whole else float(value)


def distribution(dimension: Dimension) -> Any:  # noqa: ANN401 - of Optuna
    """Return a field as Optuna takes it."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if dimension.is_choice:
        return CategoricalDistribution(range(len(dimension.values)))
    low, high = dimension.bounds
    if dimension.is_whole:
        return IntDistribution(int(low), int(high), log=dimension.is_log)
    return FloatDistribution(float(low), float(high), log=dimension.is_log)


def _suggested(trial: Any, field: str, dimension: Dimension) -> Any:  # noqa: ANN401 - of Optuna; of a spec
    if dimension.is_choice:
        return dimension.values[trial.suggest_categorical(field, range(len(dimension.values)))]
    low, high = dimension.bounds
    if dimension.is_whole:
        return trial.suggest_int(field, int(low), int(high), log=dimension.is_log)
    return dimension.rounded(trial.suggest_float(field, float(low), float(high), log=dimension.is_log))
