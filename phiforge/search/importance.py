"""How much each field matters: PED-ANOVA (Watanabe et al. 2023), Optuna's.

It compares where the best trials lie with where all lie, field by field. No forest is grown, so no further library is
needed.
"""

import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from phiforge.search.history import Told
from phiforge.search.proposers.bases.by_optuna import distribution, plain
from phiforge.spec.studies.space import Space

FEWEST = 8
"""Whole trials below which nothing is said."""

_BEST = 5
"""Trials that the best part is to hold: fewer say little about where they lie."""


def importance(space: Space, history: Sequence[Told]) -> Mapping[str, float] | None:
    """Return each field's share of what decides whether a trial is among the best, from 0 to 1, the largest first.

    Args:
        space: what was searched.
        history: the trials; those that are whole and have a cost count.

    A field with a condition counts among the trials that have it; of one that no trial has nothing is said.

    None if there are too few of them, or Optuna is not installed.
    """
    whole = [told for told in history if told.cost is not None and told.share == 1]
    if len(whole) < FEWEST or find_spec("optuna") is None:
        return None
    found = _shares(space, whole)
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _shares(space: Space, whole: Sequence[Told]) -> Mapping[str, float]:
    import optuna
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study()
    study.add_trials([_frozen(space, told) for told in whole])
    evaluator = PedAnovaImportanceEvaluator(target_quantile=min(0.5, max(0.1, _BEST / len(whole))))
    with warnings.catch_warnings(
        action="ignore"
    ):  # that all trials are as good as each other, which the shares say too
        return dict(get_param_importances(study, evaluator=evaluator))


def _frozen(space: Space, told: Told) -> Any:  # noqa: ANN401 - of Optuna
    from optuna.trial import create_trial

    return create_trial(
        value=told.cost,
        params={field: plain(space[field], value) for field, value in told.point.items()},
        distributions={field: distribution(space[field]) for field in told.point},
    )
