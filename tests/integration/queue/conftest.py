"""A fleet's connections whose queue is served as a person finds it: as many runs at once as keep trainers busy."""

from collections.abc import Callable
from typing import Any

import pytest

from phiforge.fleet.platform import Platform
from phiforge.runs.reconcile import reconcile_all
from phiforge.runs.record import RunStatus
from phiforge.runs.waiting.line import Line
from phiforge.runs.waiting.wish import Wish
from phiforge_client.submission import submit
from tests.badinput.conftest import waves
from tests.integration.idle import idle_platform  # noqa: F401 - a fixture

Submit = Callable[..., str]


@pytest.fixture
def line(platform: Platform) -> Line:
    """The queue of that fleet."""
    return Line(platform.store, platform.exchange)


@pytest.fixture
def queued(platform: Platform) -> Submit:
    """Submit a run of sinusoids, three jobs a version, with a wish."""

    def submit_wished(name: str = "waves", **wish: Any) -> str:
        return submit(platform, waves(name=name), wish=Wish(**wish))

    return submit_wished


def hire(platform: Platform, workers: int, queue: str = "training") -> None:
    """Let so many workers of a queue be on its roster."""
    key = f"{platform.exchange.namespace}:roster:{queue}"
    platform.exchange.redis.delete(key)
    platform.exchange.redis.hset(key, mapping={f"worker-{number}": "0 cpu" for number in range(workers)})


def fail(platform: Platform, run: str) -> None:
    """Let ``run`` fail, and services notice."""
    platform.record.note_end(run, RunStatus.FAILED, "a test says so")
    reconcile_all(platform)


def waiting(line: Line) -> list[str]:
    """Return the runs whose turn comes, the next one first."""
    return [each.run for each in line.ready()]
