"""Runs with bounded staleness, taken on ticket by ticket, and what their versions are made of."""

import json
from collections import Counter
from typing import Any

from phiforge.fleet.platform import Platform
from phiforge.runs.commit_log import Work, works_of
from phiforge.runs.steps import Ticket
from phiforge_client.submission import submit
from phiforge_sampler.service import Sampler
from phiforge_trainer.worker import Trainer
from tests.fleet import head, small_spec, tickets_of

VERSIONS, JOBS = 6, 2


def spec_of(staleness: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a small spec with a checkpoint every three versions."""
    plain: dict[str, Any] = {
        "consistency": "bounded_staleness",
        "staleness": staleness,
        "outer": {"versions": VERSIONS, "meta_batch": 2 * JOBS, "job_size": 2},
        "learner": {"name": "prototypical", "network": {"name": "conv4", "channels": 8}},
        "checkpoint": {"every": 3},
        "evaluation": {"every": 100, "validation_tasks": 2, "test_tasks": 2},
    }
    return small_spec(**plain | changes)


def sampled(platform: Platform, spec: dict[str, Any]) -> str:
    run = submit(platform, spec)
    for version in range(platform.run(run).spec.outer.versions):
        Sampler(platform).sample_training(run, version, sent_at=0)
    return run


def take(platform: Platform, run: str, *tickets: tuple[int, int]) -> None:
    for version, job in tickets:
        Trainer(platform).handle(run, version, job, sent_at=0)


def take_all(platform: Platform, run: str) -> None:
    """Take open tickets, the newest first, until the run is trained."""
    while head(platform, run) < VERSIONS:
        before = tickets_of(platform).open(run) - tickets_of(platform).waiting(run)
        take(platform, run, max(before))


def works(platform: Platform, run: str) -> list[list[Work]]:
    """Return what each version that is known of was made of."""
    entries = [*platform.record.log(run)]
    entries += [json.loads(each) for version, each in platform.exchange.log(run).items() if version > len(entries)]
    return [works_of(entry, JOBS) for entry in entries]


def used(platform: Platform, run: str) -> Counter[Ticket]:
    """Count how often each ticket was applied."""
    return Counter(Ticket(work.version, work.job) for version in works(platform, run) for work in version)


EACH_ONCE = Counter(Ticket(version, job) for version in range(VERSIONS) for job in range(JOBS))


def messages(platform: Platform) -> int:
    return platform.exchange.waiting(platform.queue.name("training"))
