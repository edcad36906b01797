"""Ours: a run through the whole pipeline, which is judged when it is over."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.page import say
from benchmarks.time_to_accuracy.curve import Point
from benchmarks.time_to_accuracy.plan import Plan
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.commit_log import OBSERVED
from phiforge.runs.datasets import prepare
from phiforge.runs.steps import State
from phiforge_client.servers import S3Server
from phiforge_client.stack import Stack
from phiforge_client.submission import cancel, checked_record, enqueue, first_checkpoint

TRAINERS = 2
LOOK_SECONDS = 0.5
SETTLE_SECONDS = 2.0


class Run(NamedTuple):
    """A run, and when it was put in the queue (Unix time)."""

    platform: Platform
    name: str
    begun: float


def points(plan: Plan) -> Iterator[Point]:
    """Train by a fleet of its own until the end of the spec or of the time; then judge, one mark after the other.

    Raises ServiceError if a process of the fleet dies.
    """
    with tempfile.TemporaryDirectory() as folder, S3Server(Path(folder) / "s3", Path(folder) / "s3.log") as s3:
        settings = Settings(
            home=Path(folder),
            redis_url="",
            store_url="s3://phiforge",
            s3_endpoint=s3.endpoint,
            s3_access_key=s3.access_key,
            s3_secret_key=s3.secret_key,
        )
        with Stack(settings, TRAINERS) as stack:
            platform = Platform.open(settings)
            run = trained(plan, platform, stack)
        yield from judged(plan, run)
        platform.close()


def trained(plan: Plan, platform: Platform, stack: Stack) -> Run:
    """Return a run that has been trained and stopped; its clock begins when it is put in the queue.

    Its dataset is published before: nobody's reading of pictures is counted.
    """
    settings = platform.settings
    record = checked_record(plan.raw, lambda data: prepare(data, settings, platform.store, None), settings.device)
    start = first_checkpoint(record)
    run = Run(platform, record.run, time.time())
    enqueue(platform, record, start)
    while not over(plan, platform.exchange.state(record.run), time.time() - run.begun):
        stack.check()
        time.sleep(LOOK_SECONDS)
    if platform.exchange.state(record.run) is not None:
        cancel(platform, record.run)
    time.sleep(SETTLE_SECONDS)
    return run


def over(plan: Plan, state: State | None, seconds: float) -> bool:
    """Say whether the last version is there, or the time is over."""
    return seconds > 60 * plan.budget.minutes or (state is not None and state.head >= plan.spec.outer.versions)


def judged(plan: Plan, run: Run) -> Iterator[Point]:
    """Yield every mark that the run came to; φ counts from when it was committed, by the trainers' clock."""
    record, checkpoints = run.platform.record, run.platform.checkpoints
    committed = {entry["version"]: float(entry[OBSERVED]["committed_at"]) for entry in record.log(run.name)}
    for version in (each for each in record.checkpoints(run.name) if each in plan.marks):
        say(f"judging version {version} of {plan.spec.outer.versions}")
        seconds = committed[version] - run.begun if version else 0.0
        yield plan.judged(version, seconds, checkpoints.load(run.name, version).phi)
