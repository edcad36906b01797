"""What dies under the embedded stack is started again, with its reason; what always dies ends it with that reason."""

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from phiforge.base.errors import ServiceError
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge_client.deaths import last_words
from phiforge_client.keeper import MOST_AT_ONCE, Keeper
from phiforge_client.processes import ChildProcess
from phiforge_client.stack import Member, Stack
from phiforge_client.submission import submit
from tests.badinput.conftest import waves

pytestmark = pytest.mark.services

PATIENCE = 60.0


@pytest.fixture
def home() -> Iterator[Path]:
    """A home whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="phi-") as folder:
        yield Path(folder)


def tend_until(keeper: Keeper, condition: object, what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, what
        keeper.tend()
        time.sleep(0.05)


def pids(stack: Stack) -> dict[str, int]:
    return {member.name: member.process.pid for member in stack.members if member.process.alive}


def test_what_is_killed_is_started_again(home: Path) -> None:
    # Given an embedded stack with two evaluators, and a run
    told: list[str] = []
    settings = Settings(home=home, reconcile_seconds=0.2, stall_seconds=0.5)
    with Stack(settings, trainers=1, evaluators=2) as stack:
        keeper, before = Keeper(stack, told.append), pids(stack)
        assert sorted(before) == ["evaluator-0", "evaluator-1", "redis", "sampler-0", "trainer-0"]
        # If Redis and a trainer are killed, while it works
        run = submit(Platform.open(settings), waves())
        for name in ("redis", "trainer-0"):
            os.kill(before[name], signal.SIGKILL)
        # I expect both to come again, in one line each with what ended them, the others to stay,
        tend_until(keeper, lambda: len(told) == 2 and len(pids(stack)) == 5, "all to live")
        after = pids(stack)
        assert {name for name in after if after[name] != before[name]} == {"redis", "trainer-0"}
        assert [line.split(" and ")[0] for line in told] == ["redis died (SIGKILL)", "trainer-0 died (SIGKILL)"]
        assert all("\n" not in line for line in told)
        # and the run to end as if nothing had been.
        platform = Platform.open(settings)
        tend_until(keeper, lambda: platform.record.status(run) == "complete", "the run's end")
        stack.check()


class Dying(Stack):
    """A stack of one program that dies at once."""

    def start_dying(self) -> None:
        command = ["/bin/sh", "-c", "echo a banner; echo 'no such device' >&2; exit 3"]
        self.process, self.starts = ChildProcess(command, self.logs / "it.log"), getattr(self, "starts", 0) + 1

    @property
    def members(self) -> list[Member]:
        return [Member("it-0", self.process, time.monotonic())]

    def restart(self, member: object) -> None:
        self.start_dying()


def test_what_dies_again_and_again_ends_the_stack(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a program that dies whenever it is started
    monkeypatch.setattr("phiforge_client.keeper._LONGEST_PAUSE", 0.01)
    stack, told = Dying(Settings(home=home), trainers=1), []
    stack.start_dying()
    # If it is looked after, I expect it to be given up after some times, with the reason.
    keeper = Keeper(stack, told.append)
    with pytest.raises(ServiceError, match=rf"it-0 died {MOST_AT_ONCE} times in a row.*exit code 3.*no such device"):
        tend_until(keeper, lambda: False, "its end")
    assert (stack.starts, len(told)) == (MOST_AT_ONCE, MOST_AT_ONCE - 1)


def test_last_words_are_one_line(tmp_path: Path) -> None:
    # Given a log, I expect its last lines as one, and nothing of one that is not there.
    log = tmp_path / "a.log"
    log.write_text("first\n\n  second  line\nthird\n\nfourth\n")
    assert last_words(log) == "second line | third | fourth"
    assert last_words(tmp_path / "none.log") == ""
