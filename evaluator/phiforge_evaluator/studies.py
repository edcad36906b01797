"""Metrics of the studies that go on: how many trials are how far, what was found, what it cost."""

import logging
from collections import Counter

from prometheus_client.core import GaugeMetricFamily, Metric

from phiforge.base.errors import FormatError, IncapableWorkerError, StoreError, StudyError
from phiforge.fleet.platform import Platform
from phiforge.runs.studies.found import Found
from phiforge.runs.studies.outcome import TrialEnd
from phiforge.runs.studies.record import Studies
from phiforge.spec.studies.study import StudySpec

log = logging.getLogger(__name__)

OPEN = "open"
"""The state of a trial that is not over."""


class StudyMetrics:
    """Asks the object storage for the studies that are active: a listing, another of each, and what is new of it."""

    def __init__(self, platform: Platform) -> None:
        self._studies = Studies(platform.store)
        self._specs: dict[str, StudySpec] = {}

    def collect(self) -> list[Metric]:
        """Return the metrics of this moment; none of a study that cannot be read."""
        trials = GaugeMetricFamily(
            "phiforge_study_trials",
            "Trials of a study that goes on, by state: open, or how they ended.",
            labels=["study", "state"],
        )
        best = GaugeMetricFamily("phiforge_study_best", "Best value so far of a study's objective.", labels=["study"])
        tasks = GaugeMetricFamily("phiforge_study_tasks", "Tasks that a study was charged for.", labels=["study"])
        for study, (spec, found) in self._active().items():
            states = Counter(result.end.value for result in found.results.values())
            states[OPEN] = len(found.open)
            for state in (OPEN, *TrialEnd):
                trials.add_metric([study, state], states[state])
            tasks.add_metric([study], found.tasks)
            if (result := found.best(spec)) and result.value is not None:
                best.add_metric([study], result.value)
        return [trials, best, tasks]

    def _active(self) -> dict[str, tuple[StudySpec, Found]]:
        try:
            active = self._studies.active()
        except StoreError as error:
            log.warning("no metrics of studies at this scrape: %s", error)
            return {}
        self._specs = {study: spec for study, spec in self._specs.items() if study in active}
        found = ((study, self._read(study)) for study in active)
        return {study: there for study, there in found if there}

    def _read(self, study: str) -> tuple[StudySpec, Found] | None:
        try:
            if study not in self._specs:
                self._specs[study] = self._studies.read(study).read_spec()
            return self._specs[study], Found.of(self._studies, study)
        except (FormatError, IncapableWorkerError, StoreError, StudyError) as error:
            log.warning("no metrics of study %s at this scrape: %s", study, error)
            return None
