"""Every Prometheus metric, defined once. Labels are bounded: never an episode, a job or a version."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Histogram

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)

JOB_SECONDS = Histogram(
    "phiforge_job_seconds",
    "Where a trainer's time goes, per job: queue_wait, read, compute, publish, commit.",
    ["phase"],
    buckets=_SECONDS,
)
JOBS = Counter(
    "phiforge_jobs_total",
    "Jobs by outcome: published, duplicate, stale, stopped, waiting (episodes not there yet), damaged, broken, failed, "
    "old (made from a φ that has moved on too far since: made again), incapable (put back for a worker that can).",
    ["outcome"],
)
COMMITS = Counter("phiforge_commits_total", "Versions this trainer committed.")
READ_AHEAD = Counter(
    "phiforge_read_ahead_total",
    "Episodes read before their job came, by outcome: used, wrong (another job came), missing.",
    ["outcome"],
)
STALENESS = Histogram(
    "phiforge_contribution_staleness_versions",
    "Versions by which φ had moved on when a contribution was applied, of runs with bounded staleness.",
    buckets=(0, 1, 2, 3, 4, 6, 8, 12, 16, 32, 64),
)
COMMITS_LOST = Counter("phiforge_commits_lost_total", "Reductions another trainer committed first.")
IMPLICIT_UNMET = Counter(
    "phiforge_implicit_unmet_total",
    "Tasks whose implicit gradient lacks a precondition: converged (the inner loop has not), definite (the support "
    "loss curves down more than the pull and damping make up for).",
    ["condition"],
)
TRAINED_TASKS = Counter("phiforge_trained_tasks_total", "Episodes this trainer computed a contribution from.")

SAMPLED_EPISODES = Counter("phiforge_sampled_episodes_total", "Episodes written to object storage.", ["split"])
SAMPLE_SECONDS = Histogram(
    "phiforge_sample_seconds", "Time to draw and write one job's or chunk's episodes.", buckets=_SECONDS
)

EVALUATED_TASKS = Counter("phiforge_evaluated_tasks_total", "Episodes scored.", ["split"])
EVALUATE_SECONDS = Histogram("phiforge_evaluate_seconds", "Time to score one chunk of episodes.", buckets=_SECONDS)

RECOVERY_SECONDS = Histogram(
    "phiforge_recovery_seconds",
    "How long a run that reconcile had to help stood still: from its last sign of life to its next committed version.",
    buckets=_SECONDS,
)
RESENT = Counter("phiforge_resent_total", "Messages that reconcile sent again: job, sampling, evaluation.", ["kind"])
RESTORED = Counter("phiforge_restored_total", "Runs brought back from a checkpoint.")
DAMAGED = Counter("phiforge_damaged_objects_total", "Objects dropped because their hash was wrong.")
ADMITTED = Counter("phiforge_admitted_runs_total", "Runs that this process let out of the queue, to become active.")
STUDY_GENERATIONS = Counter("phiforge_study_generations_total", "Generations of trials that this process proposed.")
STUDY_TRIALS = Counter(
    "phiforge_study_trials_total",
    "Trials of studies whose end this process wrote down: complete, stopped, failed, refused, cancelled.",
    ["end"],
)
FAILED_STUDIES = Counter("phiforge_failed_studies_total", "Studies that this process marked failed.")
FAILED_RUNS = Counter("phiforge_failed_runs_total", "Runs this process marked failed.")
REFUSED_MESSAGES = Counter(
    "phiforge_refused_messages_total",
    "Messages dropped unread: unreadable (no message at all), unknown (of no kind that is served here), fields (one of "
    "the wrong type, missing or too many), misfit (no such run, version, job or chunk).",
    ["reason"],
)
MESSAGES = Counter(
    "phiforge_messages_total",
    "Messages by kind, and by what became of their work: the outcomes of jobs, for all services.",
    ["message", "outcome"],
)
BROKEN_ATTEMPTS = Counter(
    "phiforge_broken_attempts_total", "Attempts that broke off for lack of memory or an error of input or output."
)

SERVED = Counter(
    "phiforge_served_requests_total",
    "Requests to adapt or predict by outcome: served, refused (the caller's fault), failed.",
    ["outcome"],
)
SERVED_PICTURES = Counter("phiforge_served_pictures_total", "Pictures that predictions were made for.")
SERVED_SWAPS = Counter("phiforge_served_swaps_total", "Better versions of a run that took the place of the one served.")
SERVED_SECONDS = Histogram(
    "phiforge_served_seconds", "Time of a request, by kind: adapt, predict.", ["kind"], buckets=_SECONDS
)


@contextmanager
def timed(phase: str) -> Iterator[None]:
    """Observe the time of one phase of a job, if it ends well."""
    start = time.perf_counter()
    yield
    JOB_SECONDS.labels(phase=phase).observe(time.perf_counter() - start)
