"""What a person does with a study that is there: cancel it, or let it go on."""

from phiforge.base.errors import StudyError
from phiforge.runs.platform import RunPlatform
from phiforge.runs.studies.look import look, studies_of
from phiforge.runs.studies.outcome import StudyStatus
from phiforge_client.steering import start


def cancel_study(platform: RunPlatform, study: str) -> None:
    """End a study, and the trials of it that go on; raises StudyError if it is over already."""
    studies = platform.once(studies_of)
    _expect(platform, study, "cancel", StudyStatus.RUNNING)
    studies.end(study, StudyStatus.CANCELLED, {"reason": "cancelled by its user"})
    studies.activate(study)  # until its trials have ended
    look(platform, study)
    start(platform)


def resume_study(platform: RunPlatform, study: str) -> None:
    """Let a cancelled or failed study go on, with the trials that ended with it: to the same proposals and results.

    So too one that is not over and that nobody moves: whoever submitted it died in the act. Raises StudyError if it
    goes on as it is, or is complete.
    """
    studies, allowed = platform.once(studies_of), [StudyStatus.CANCELLED, StudyStatus.FAILED]
    if study not in studies.active():
        allowed.append(StudyStatus.RUNNING)
    _expect(platform, study, "resume", *allowed)
    studies.reopen(study)
    look(platform, study)
    start(platform)


def _expect(platform: RunPlatform, study: str, action: str, *allowed: StudyStatus) -> None:
    studies = platform.once(studies_of)
    studies.read(study)
    if (status := studies.status(study)) not in allowed:
        raise StudyError(f"cannot {action} study {study!r}: it is {status}; allowed: {' or '.join(allowed)}")
