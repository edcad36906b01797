"""Whether a message fits the run it names: there is such a run, and it has such a version, job or chunk."""

from phiforge.base.errors import FormatError, MessageError, RunError
from phiforge.fleet.platform import Platform
from phiforge.runs import judging
from phiforge.runs.submitted import RunRecord


def run_of(platform: Platform, run: str) -> RunRecord:
    """Return what was submitted as ``run``; raises MessageError if that cannot be read, for nothing will come of it.

    Raises IncapableWorkerError if this process lacks a part that is named there: another process may have it.
    """
    try:
        return platform.run(run)
    except (RunError, FormatError) as error:
        raise MessageError(str(error)) from error


def check_step(record: RunRecord, version: int, job: int = 0) -> None:
    """Raise MessageError unless the run has a step from ``version`` and that step such a job."""
    outer = record.spec.outer
    if not record.first_version <= version < outer.versions:
        raise MessageError(
            f"version {version} of run {record.run!r}: its steps are from versions {record.first_version} to "
            f"{outer.versions - 1}"
        )
    if job >= outer.jobs:
        raise MessageError(f"job {job} of run {record.run!r}: allowed are 0 to {outer.jobs - 1}")


def check_judged(record: RunRecord, split: str, chunk: int, version: int | None = None) -> None:
    """Raise MessageError unless ``split`` has such a chunk, and ``version`` is one that is judged."""
    chunks = judging.chunks_of(record, split)
    if chunk >= chunks:
        raise MessageError(f"chunk {chunk} of {split} of run {record.run!r}: allowed are 0 to {chunks - 1}")
    if version is not None and (version > record.spec.outer.versions or not record.spec.validates_at(version)):
        raise MessageError(
            f"version {version} of run {record.run!r} is not judged: that is every {record.spec.evaluation.every} "
            f"versions, and the last, {record.spec.outer.versions}"
        )
