"""Helpers of the tests that run whole fleets: specs small enough to finish in seconds, and waits on conditions."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.consistency.bounded_staleness.exchange import TicketExchange
from phiforge.runs.consistency.synchronous.exchange import SynchronousExchange
from phiforge.runs.record import RunStatus
from phiforge.runs.waiting.policy import Policy, write_policy
from phiforge_client.cli import app
from phiforge_client.stack import Stack

DEADLINE_SECONDS = 120.0
JOBS = 4
"""Jobs of a version of ``small_spec``."""


def small_spec(**changes: Any) -> dict[str, Any]:
    """Return a raw spec of 20 versions that takes a few seconds.

    ``changes`` extend sections, or replace them where they name another variant.
    """
    spec: dict[str, Any] = {
        "name": "small",
        "data": {"name": "glyphs", "drawings": 8, "image_size": 16},
        "task": {"n_way": 5, "k_shot": 1, "n_query": 3},
        "learner": {"name": "maml", "network": {"name": "conv4", "channels": 16}},
        "outer": {"versions": 20, "meta_batch": 8, "job_size": 2},
        "checkpoint": {"every": 5},
        "evaluation": {"every": 10, "validation_tasks": 10, "test_tasks": 20, "chunk_size": 5},
    }
    for section, values in changes.items():
        extends = isinstance(values, dict) and "name" not in values
        spec[section] = spec.get(section, {}) | values if extends else values
    return spec


@contextmanager
def fleet(settings: Settings, trainers: int = 1) -> Iterator[Platform]:
    """Run every service beside a test, so many trainers among them, and yield the connections to them."""
    platform = Platform.open(settings)
    with Stack(settings, trainers=trainers):
        yield platform
    platform.close()


def command_line(settings: Settings, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Callable[..., Result]:
    """Return the command line, in a folder, on the store and the queue of a fleet."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PHIFORGE_HOME", str(settings.home))
    monkeypatch.setenv("PHIFORGE_REDIS_URL", settings.redis_url)
    monkeypatch.setenv("PHIFORGE_NAMESPACE", settings.namespace)
    return lambda *arguments: CliRunner().invoke(app, arguments, catch_exceptions=False)


def wait_until(condition: Callable[[], bool], what: str, stack: Stack | None = None) -> None:
    """Wait for ``condition``; fail with ``what`` was waited for if it does not come true."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {DEADLINE_SECONDS} s for {what}"
        if stack:
            stack.check()
        time.sleep(0.02)


def wait_for_version(platform: Platform, run: str, version: int) -> None:
    """Wait until ``version`` of ``run`` is committed."""

    def reached() -> bool:
        state = platform.exchange.state(run)
        return state is not None and state.head >= version

    wait_until(reached, f"version {version} of {run}")


def wait_for_end(platform: Platform, run: str) -> RunStatus:
    """Wait until ``run`` is over and return how it ended."""
    wait_until(lambda: platform.record.status(run) is not RunStatus.RUNNING, f"the end of {run}")
    return platform.record.status(run)


def hashes(platform: Platform, run: str) -> dict[int, str]:
    """Return the hash of φ at every version of a finished run, from its commit log."""
    return {entry["version"]: entry["phi_hash"] for entry in platform.record.log(run)}


def head(platform: Platform, run: str) -> int:
    """Return the newest version of ``run`` that Redis knows."""
    state = platform.exchange.state(run)
    assert state
    return state.head


def side_by_side(platform: Platform) -> Platform:
    """Let any number of runs be active at once: a test of what moves a run is not one of whose turn it is."""
    write_policy(platform.store, Policy(at_once=1000))
    return platform


def steps_of(platform: Platform) -> SynchronousExchange:
    """Return the open steps of a fleet's synchronous runs."""
    return SynchronousExchange(platform.exchange)


def tickets_of(platform: Platform) -> TicketExchange:
    """Return the open tickets of a fleet's runs with bounded staleness."""
    return TicketExchange(platform.exchange)
