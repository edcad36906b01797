"""The report that completes a run: what was learned, how good it is on tasks never seen, and how it was judged."""

import time
from collections.abc import Mapping
from typing import Any

from phiforge.base.errors import FormatError, RunError
from phiforge.fleet.platform import Platform
from phiforge.learning.tried_steps import BY_STEPS, STEPS
from phiforge.runs.checkpoints import Checkpoint
from phiforge.runs.consistency.chosen import consistency_of
from phiforge.runs.learners import learner_of
from phiforge.runs.submitted import RunRecord
from phiforge_evaluator.calibration import calibration_of

_NOT_OF_THE_CURVE = ("phi_hash", "tasks", "per_task", BY_STEPS)


def build_report(platform: Platform, record: RunRecord, best: int) -> dict[str, Any]:
    """Return the report of a run whose test episodes have been scored at version ``best``."""
    spec, rules = record.spec, consistency_of(record.spec)
    test = platform.record.scores(record.run, "test", best)
    checkpoint, learner = judged_checkpoint(platform, record.run, best), learner_of(record, spec.evaluation_task)
    architecture = learner.architecture(checkpoint.phi)
    return {
        "run": record.run,
        "spec_hash": record.spec_hash,
        "dataset": record.dataset,
        "learner": spec.learner.name,
        "estimator": spec.estimator.name,
        "consistency": rules.name,
        "bit_reproducible": rules.bit_reproducible,
        "transductive": learner.transductive,
        "parameters": sum(value.numel() for value in checkpoint.phi.values()),
        "best_version": best,
        "phi_hash": checkpoint.phi_hash,
        "final_phi_hash": judged_checkpoint(platform, record.run, spec.outer.versions).phi_hash,
        "tasks_seen": record.tasks_at(spec.outer.versions),
        "parent": record.parent._asdict() if record.parent else None,
        "seconds": time.time() - record.created_at,
        "calibration": calibration_of(platform, record, best),
        "inner_steps": _inner_steps(test, platform.record.scores(record.run, "validation", best)),
        **({"architecture": architecture} if architecture else {}),
        "test": {name: value for name, value in test.items() if name not in ("per_task", BY_STEPS)},
        "validation": [
            _point(platform, record, version) for version in platform.record.scored(record.run, "validation")
        ],
    }


def _inner_steps(test: Mapping[str, Any], validation: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the number of inner steps on unseen tasks that was chosen, and what each came to; None if none was.

    Evaluators of an earlier version choose none: what they recorded of either split has no number in it.
    """
    if STEPS not in test or STEPS not in validation:
        return None
    return {"chosen": validation[STEPS], "validation": validation[BY_STEPS]}


def judged_checkpoint(platform: Platform, run: str, version: int) -> Checkpoint:
    """Return the checkpoint to judge; raises RunError if it is damaged, for it will be as long as it is there."""
    try:
        return platform.checkpoints.load(run, version)
    except FormatError as error:
        raise RunError(f"version {version} cannot be judged: {error}") from error


def _point(platform: Platform, record: RunRecord, version: int) -> dict[str, float]:
    """Return one point of the curves of validation scores against tasks seen."""
    scores = platform.record.scores(record.run, "validation", version)
    shown = {name: value for name, value in scores.items() if name not in _NOT_OF_THE_CURVE}
    return {"tasks_seen": record.tasks_at(version)} | shown
