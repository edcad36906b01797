"""What a report says of probabilities: how far they can be trusted where queries come one at a time."""

import logging
from typing import Any

from phiforge.base.errors import PhiforgeError
from phiforge.fleet.platform import Platform
from phiforge.prediction.material import Material
from phiforge.prediction.opening import learned_of
from phiforge.prediction.validation import FALSE_ACCEPT, TASKS, Shape
from phiforge.registry import DATA
from phiforge.runs.submitted import RunRecord

log = logging.getLogger(__name__)


def calibration_of(platform: Platform, record: RunRecord, version: int) -> dict[str, Any] | None:
    """Return what validation tasks, of the shape that judges the run, teach about its probabilities; None if nothing.

    Their number is that of the run's own validation tasks, up to 40. A report does without where it cannot be had.
    """
    if not DATA[record.spec.data.name].published:
        return None
    task, tasks = record.spec.evaluation_task, min(TASKS, record.spec.evaluation.validation_tasks)
    try:
        learned = learned_of(platform.record, record, version).to(platform.settings.device)
        material = Material(platform.store, record.dataset, keep=False)
        shape = Shape(task.n_way, task.k_shot, transductive=False)
        return material.calibration(learned, shape, FALSE_ACCEPT, tasks).to_json()
    except PhiforgeError as error:
        log.warning("the report of run %s says nothing of probabilities: %s", record.run, error)
        return None
