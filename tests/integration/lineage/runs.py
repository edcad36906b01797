"""Small runs without a fleet, moved on step by step, and what is asked of their records."""

from typing import Any

from phiforge.fleet.platform import Platform
from phiforge.runs.commit_log import reproducible
from phiforge_sampler.service import Sampler
from phiforge_trainer.worker import Trainer
from tests.fleet import small_spec

VERSIONS, JOBS = 8, 4
CHECKPOINTS = [0, 3, 6, 8]


def spec_of(**changes: Any) -> dict[str, Any]:
    """Return a small spec with a checkpoint every three versions."""
    plain: dict[str, Any] = {
        "outer": {"versions": VERSIONS, "meta_batch": 8, "job_size": 2},
        "checkpoint": {"every": 3},
        "evaluation": {"every": 100, "validation_tasks": 2, "test_tasks": 2},
    }
    return small_spec(**plain | changes)


def move(platform: Platform, run: str, upto: int = VERSIONS) -> None:
    """Take the steps of ``run`` up to a version, as a fleet of one would."""
    sampler, trainer = Sampler(platform), Trainer(platform)
    state = platform.exchange.state(run)
    assert state
    for version in range(state.head, upto):
        sampler.sample_training(run, version, sent_at=0)
        for job in range(platform.run(run).spec.outer.jobs):
            trainer.handle(run, version, job, sent_at=0)
    state = platform.exchange.state(run)
    assert state
    assert state.head == upto


def log_of(platform: Platform, run: str) -> list[dict[str, Any]]:
    return [reproducible(entry) for entry in platform.record.log(run)]


def key_of(platform: Platform, run: str, name: str) -> str:
    return f"{platform.settings.namespace}:{{{run}}}:{name}"
