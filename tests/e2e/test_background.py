"""A stack in the background: real processes, started, killed and stopped from other terminals."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from phiforge.base.errors import ServiceError
from phiforge_client.background.identity import Identity
from phiforge_client.background.state import StackFile
from phiforge_client.servers import redis_binary
from tests.fleet import wait_until
from tests.servers import missing

pytestmark = [pytest.mark.services, pytest.mark.slow]

Phiforge = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def phiforge(tmp_path: Path) -> Iterator[Phiforge]:
    """Commands of one person in one home; whatever they started is stopped."""
    try:
        redis_binary()
    except ServiceError as error:
        missing(str(error))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PHIFORGE_")}
    environment = kept | {"PHIFORGE_HOME": str(tmp_path / "home"), "COLUMNS": "200", "NO_COLOR": "1"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "phiforge_client.cli", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    yield run
    run("down")


def status(phiforge: Phiforge) -> dict[str, Any]:
    return dict(json.loads(phiforge("status", "--json").stdout))


def programs(found: dict[str, Any]) -> dict[str, Identity]:
    return {each["name"]: Identity(**each["process"]) for each in found["stack"]["members"]}


def test_up_status_down(phiforge: Phiforge) -> None:
    # Given no stack, I expect status to say so, by its exit code too.
    assert phiforge("status").returncode == 1
    # If one is started in the background
    started = phiforge("up", "--detach", "--trainers", "1")
    # I expect it to be up when the command returns, with all its programs.
    assert started.returncode == 0, started.stderr
    found = status(phiforge)
    assert found["running"]
    assert set(programs(found)) == {"redis", "sampler-0", "trainer-0", "evaluator-0"}
    assert all(each.alive for each in programs(found).values())
    # If it is started again, I expect to be told that it runs, and the same one to go on.
    again = phiforge("up", "--detach", "--json")
    assert again.returncode == 0
    assert json.loads(again.stdout)["started"] is False
    assert json.loads(again.stdout)["stack"]["supervisor"] == found["stack"]["supervisor"]
    # If one is started in the foreground beside it, I expect a refusal that says what to type.
    refused = phiforge("up")
    assert refused.returncode == 1
    assert "phiforge down" in refused.stderr
    # If its logs are asked for, I expect those of every program, and one's alone.
    assert {each["service"] for each in json.loads(phiforge("logs", "--json").stdout)} >= set(programs(found))
    assert "trainer-0" in phiforge("logs", "trainer").stdout
    assert "sampler" not in phiforge("logs", "trainer").stdout
    # If it is stopped, I expect nothing of it to be left, and a second time to be well.
    assert "stopped" in phiforge("down").stdout
    assert not any(each.alive for each in programs(found).values())
    stopped = phiforge("down")
    assert (stopped.returncode, "no stack runs" in stopped.stdout) == (0, True)


def test_a_program_that_dies_is_shown_as_the_new_one(phiforge: Phiforge) -> None:
    # Given a stack in the background, if its trainer is killed
    assert phiforge("up", "--detach", "--trainers", "1").returncode == 0
    before = programs(status(phiforge))["trainer-0"]
    assert before.send(signal.SIGKILL)
    # I expect status to name the one that was started in its place.
    wait_until(lambda: (now := programs(status(phiforge))["trainer-0"]) != before and now.alive, "a new trainer")


def test_a_supervisor_that_is_killed(phiforge: Phiforge, tmp_path: Path) -> None:
    # Given a stack in the background, if its supervisor is killed with -9
    assert phiforge("up", "--detach", "--trainers", "1").returncode == 0
    found = status(phiforge)
    supervisor = Identity(**found["stack"]["supervisor"])
    assert supervisor.send(signal.SIGKILL)
    # I expect all its programs to end, and status to say what happened.
    wait_until(lambda: not any(each.alive for each in programs(found).values()), "the end of every program")
    shown = phiforge("status")
    assert shown.returncode == 1
    assert "ended without being stopped" in shown.stdout
    # I expect down to have nothing to do, and a new stack to come up in the same home.
    assert phiforge("down").returncode == 0
    assert phiforge("up", "--detach", "--trainers", "1").returncode == 0
    assert Identity(**status(phiforge)["stack"]["supervisor"]) != supervisor


def test_no_strangers_process_is_ended(phiforge: Phiforge, tmp_path: Path) -> None:
    # Given what a killed stack said of itself, and a stranger that has one of its numbers by now
    assert phiforge("up", "--detach", "--trainers", "1").returncode == 0
    file = StackFile(tmp_path / "home")
    state = file.read()
    assert state
    assert state.supervisor.send(signal.SIGKILL)
    wait_until(lambda: not file.held(), "the end of the stack")
    with subprocess.Popen(["sleep", "60"]) as stranger:
        as_stranger = state.supervisor._replace(pid=stranger.pid)
        members = tuple(each._replace(process=as_stranger) for each in state.members)
        file.write(state._replace(supervisor=as_stranger, members=members))
        # If the stack is stopped, I expect the stranger to go on.
        assert "no stack runs" in phiforge("down").stdout
        assert stranger.poll() is None
        stranger.kill()


def test_two_at_once(phiforge: Phiforge, tmp_path: Path) -> None:
    # Given two who start a stack in the same moment, I expect one stack, and both to be told of it.
    environment = os.environ | {"PHIFORGE_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "phiforge_client.cli", "up", "--detach", "--trainers", "1", "--json"]
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [json.loads(each.communicate(timeout=120)[0]) for each in both]
    assert sorted(each["started"] for each in answers) == [False, True]
    assert answers[0]["stack"]["supervisor"] == answers[1]["stack"]["supervisor"]


def test_an_identity_ends_with_its_process() -> None:
    # Given a process, I expect its identity to live as long as it, and no longer though nobody waited for it.
    with subprocess.Popen(["sleep", "60"]) as process:
        who = Identity.of(process.pid)
        assert who.alive
        assert not who._replace(started="another moment").alive
        assert not who._replace(started="another moment").send(signal.SIGKILL)
        assert who.send(signal.SIGKILL)
        until = time.monotonic() + 10
        while who.alive and time.monotonic() < until:
            time.sleep(0.01)
        assert not who.alive
        assert not who.send(signal.SIGTERM)
