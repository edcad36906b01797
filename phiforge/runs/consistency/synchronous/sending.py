"""What of a synchronous run is sent again, when it has been silent."""

from collections.abc import Collection

from phiforge.base.metrics import RESENT
from phiforge.runs.platform import RunPlatform
from phiforge.runs.submitted import RunRecord


def resend(platform: RunPlatform, record: RunRecord, head: int, contributed: Collection[int]) -> None:
    """Send again what the open step lacks: episodes, and jobs; or any job, if only the commit is missing.

    Args:
        platform: whose outbox is used
        record: the run
        head: the version that the step is from
        contributed: the jobs whose contributions are in
    """
    jobs = range(record.spec.outer.jobs)
    for version in range(head, min(head + record.spec.sampling.window + 1, record.spec.outer.versions)):
        if platform.record.missing_episodes(record.run, version, jobs):
            RESENT.labels(kind="sampling").inc()
            platform.outbox.sample_training(record.run, version)
    lacking = [(head, job) for job in jobs if job not in contributed] or [(head, 0)]
    RESENT.labels(kind="job").inc(len(lacking))
    platform.outbox.train_together(record.run, lacking)
