"""What there is of a study, whole: what is damaged is made again as it was, or restored from its copy.

What came of a trial follows from its run, and a generation from those before. What was decided at a rung follows from
what others had come to by then, and so do asynchronous proposals: of these there are copies.
"""

import logging

from phiforge.base.metrics import DAMAGED
from phiforge.runs.studies.found import Found
from phiforge.runs.studies.record import Studies, copy_name
from phiforge.spec.studies.study import StudySpec

log = logging.getLogger(__name__)


def whole(studies: Studies, study: str, spec: StudySpec) -> Found:
    """Return what there is of a study, after what is damaged was restored, or dropped so that it is made again."""
    names = studies.names(study)
    there = [name for name in names if not _is_lost(studies, study, name)]
    copied = ("rungs", "generations") if spec.is_asynchronous else ("rungs",)
    there += _restored(studies, study, names, there, copied)
    return Found(studies, study, there)


def _is_lost(studies: Studies, study: str, name: str) -> bool:
    if not studies.is_damaged(study, name):
        return False
    log.error("study %s: %s is damaged, making it again", study, name)
    DAMAGED.inc()
    studies.drop(study, name)
    return True


def _restored(studies: Studies, study: str, names: list[str], there: list[str], copied: tuple[str, ...]) -> list[str]:
    """Let everything in folders that are ``copied`` have a copy, and return the names of what was restored from one."""
    for name in there:
        if name.partition("/")[0] in copied and copy_name(name) not in names:
            studies.keep_copy(study, name)
    originals = [name.removeprefix("copies/") for name in names if name.startswith("copies/")]
    return [name for name in originals if name not in there and studies.restore(study, name)]
