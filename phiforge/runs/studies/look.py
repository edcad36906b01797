"""One look at studies: what is there is compared with what should be, and what is missing is done.

A generation is proposed once all trials before are over, so the order in which they end changes nothing, unless the
study asks for asynchronous proposals. It is written down before any of it becomes a run: whoever dies, comes late or
comes twice finds the same proposals.
"""

import logging
from collections.abc import Mapping
from typing import Any

from redis.exceptions import RedisError

from phiforge.base.errors import FormatError, IncapableWorkerError, StoreError, StudyError
from phiforge.base.fault_points import reach
from phiforge.base.metrics import FAILED_STUDIES, STUDY_GENERATIONS
from phiforge.runs.platform import RunPlatform
from phiforge.runs.studies.asynchronous import next_trial
from phiforge.runs.studies.ending import final, hopeless, run_out, spent
from phiforge.runs.studies.found import Found
from phiforge.runs.studies.mending import whole
from phiforge.runs.studies.outcome import Proposal, StudyStatus
from phiforge.runs.studies.proposing import next_generation
from phiforge.runs.studies.record import Studies, StudyRecord
from phiforge.runs.studies.tending import Tending, lay_down
from phiforge.spec.studies.study import StudySpec

log = logging.getLogger(__name__)

LOCK_SECONDS = 5.0
"""Whoever looks may die. Two at once cost time, never correctness."""

_MOST_STEPS = 1000
"""Of one look: a study may have so many trials that are refused at once."""


def studies_of(platform: RunPlatform) -> Studies:
    """Return the studies of a platform, with what this process has read of them."""
    return Studies(platform.store)


def look_at_all(platform: RunPlatform) -> list[str]:
    """Look at every active study that nobody else is looking at; return why some are left to others, if they are."""
    return [why for study in platform.once(studies_of).active() for why in _look_alone(platform, study)]


def _look_alone(platform: RunPlatform, study: str) -> list[str]:
    """Look at one study; an error of it is none of the others'."""
    try:
        with platform.locks.hold(f"study:{study}", LOCK_SECONDS) as mine:
            if mine:
                look(platform, study)
    except IncapableWorkerError as error:
        return [f"study {study}: {error}"]
    except (FormatError, StudyError) as error:
        log.error("study %s failed: %s", study, error)
        studies = platform.once(studies_of)
        _end(studies, study, StudyStatus.FAILED, {"reason": f"it cannot go on: {error}"})
        studies.deactivate(study)
    except RedisError:
        raise
    except StoreError:
        log.exception("cannot look at study %s", study)
    except Exception:
        log.exception("cannot look at study %s", study)
    return []


def look(platform: RunPlatform, study: str) -> None:
    """Do all that is due for a study now.

    Raises FormatError if its record is damaged, IncapableWorkerError if this process lacks what it names.
    """
    studies = platform.once(studies_of)
    record = studies.read(study)
    spec = record.read_spec()
    for _ in range(_MOST_STEPS):
        found = whole(studies, study, spec)
        if studies.status(study) is not StudyStatus.RUNNING:
            lay_down(platform, record, found)
            studies.deactivate(study)
            return
        if not _step(platform, studies, record, spec, found):
            return


def _step(platform: RunPlatform, studies: Studies, record: StudyRecord, spec: StudySpec, found: Found) -> bool:
    """Do what is due, and say whether that may have made more due."""
    if why := hopeless(found, spec.budget.trials):
        _end(studies, record.study, StudyStatus.FAILED, {"reason": why})
        return True
    tending = Tending(platform, studies, record, spec, found)
    if found.open and tending.tend():
        return True
    if found.open and not spec.is_asynchronous:
        return False
    reason = spent(record, spec, found)
    proposals = [] if reason else _next(spec, found, tending)
    if proposals:
        studies.propose(record.study, len(found.generations), proposals)
        STUDY_GENERATIONS.inc()
        reach("study.proposed")
        return True
    if tending.under_way:
        return False
    if found.open:
        tending.close()
        return True
    status, fields = final(spec, found, reason or run_out(spec))
    _end(studies, record.study, status, fields)
    log.info("study %s is %s: %s", record.study, status, fields["reason"])
    return True


def _end(studies: Studies, study: str, status: StudyStatus, fields: Mapping[str, Any]) -> None:
    if studies.end(study, status, fields) and status is StudyStatus.FAILED:
        FAILED_STUDIES.inc()


def _next(spec: StudySpec, found: Found, tending: Tending) -> list[Proposal]:
    if spec.is_asynchronous:
        return next_trial(spec, found, tending.under_way)
    return next_generation(spec, found)
