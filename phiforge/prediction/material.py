"""Where a run's own validation tasks can be had, to calibrate on; what was learned once is kept in object storage."""

import logging
from functools import cached_property

from phiforge.base.canonical import canonical_json, sha256_hex
from phiforge.base.errors import FormatError, StoreError
from phiforge.prediction.calibration import Calibration
from phiforge.prediction.learned import Learned
from phiforge.prediction.validation import TASKS, Shape, calibrated
from phiforge.runs.datasets import load
from phiforge.runs.sealed import seal, unseal
from phiforge.runs.store import Store
from phiforge.tasks.pool import Pool

log = logging.getLogger(__name__)

_RULES = "1"
"""Names the rules of calibration; what other rules found is found again."""


class Material:
    """The published dataset of a run, read when it is first needed.

    Args:
        store: where it is.
        dataset: its digest.
        keep: what is learned, so that it is found the next time; not for whoever may only read.
    """

    def __init__(self, store: Store, dataset: str, *, keep: bool = True) -> None:
        self._store, self._dataset, self._keep = store, dataset, keep
        self._found: dict[str, Calibration] = {}

    @cached_property
    def pool(self) -> Pool:
        """The dataset laid out for sampling; raises FormatError if it is damaged, MissingObjectError if it is gone."""
        return Pool(load(self._dataset, self._store))

    def calibration(self, learned: Learned, shape: Shape, false_accept: float, tasks: int = TASKS) -> Calibration:
        """Return what the validation tasks teach about tasks of ``shape``; see ``calibrated``.

        It is computed once here, whether it may be kept in object storage or not.
        """
        key = _key(learned, self._dataset, shape, false_accept, tasks)
        if key not in self._found:
            self._found[key] = self._known(key) or self._learned(key, learned, shape, false_accept, tasks)
        return self._found[key]

    def _learned(self, key: str, learned: Learned, shape: Shape, false_accept: float, tasks: int) -> Calibration:
        found = calibrated(learned, self.pool, shape, false_accept, tasks)
        if self._keep:
            self._put(key, found)
        return found

    def _put(self, key: str, found: Calibration) -> None:
        try:
            self._store.put(key, seal(key, found.to_json()))
        except StoreError as error:  # it is learned again the next time
            log.info("a calibration is not kept: %s", error)

    def _known(self, key: str) -> Calibration | None:
        try:
            return Calibration(**unseal(key, self._store.get(key)))
        except StoreError:  # not there, or not for us to read
            return None
        except (FormatError, TypeError) as error:
            log.warning("learning a calibration again, for %s is damaged: %s", key, error)
            return None


def _key(learned: Learned, dataset: str, shape: Shape, false_accept: float, tasks: int) -> str:
    of = {
        "rules": _RULES,
        "spec": learned.spec_hash,
        "phi": learned.phi_hash,
        "inner_steps": learned.inner_steps,
        "dataset": dataset,
        "shape": list(shape),
        "false_accept": false_accept,
        "tasks": tasks,
    }
    return f"calibrations/{sha256_hex(canonical_json(of))}.json"
