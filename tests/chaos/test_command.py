"""``phiforge chaos`` on somebody's own fleet: what it may do there, what it says, and that it can say no."""

import io

import pytest
from rich.console import Console

from phiforge.base.errors import ServiceError
from phiforge_client.chaos import command
from phiforge_client.chaos.campaign import Reference
from phiforge_client.chaos.command import Plan, attach_chaos
from phiforge_client.chaos.stage import Stage
from tests.chaos.conftest import VERSIONS

pytestmark = pytest.mark.services

KINDS = ("wipe-namespace", "flip-bit-of-episodes", "jump-redis-clock")


@pytest.fixture
def console() -> Console:
    """A console whose text can be read."""
    return Console(file=io.StringIO(), width=120)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_attached_to_a_fleet(on_folder: Stage, console: Console) -> None:
    # Given a fleet that somebody else runs
    # If it is disturbed through its broker and its store
    attach_chaos(on_folder.platform.settings, console, Plan(0, 0.0, KINDS, VERSIONS), pids=[])
    # I expect a row for each kind, and that φ did not notice.
    said = text_of(console)
    assert "φ equal at every version, every version committed once" in said
    for kind in KINDS:
        assert any(line.split()[:2] == [kind, "1"] and line.split()[-1] == "yes" for line in said.splitlines())


def test_what_is_impossible_there_is_refused(on_folder: Stage, console: Console) -> None:
    # Given a fleet whose servers are not ours to kill, I expect a refusal that says what is possible.
    with pytest.raises(ServiceError, match="cannot inject kill-store here; possible are: double-messages"):
        attach_chaos(on_folder.platform.settings, console, Plan(0, 0.0, ["kill-store"]), pids=[])


def test_another_phi_is_an_error(on_folder: Stage, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a reference that no run can equal
    def other(*_: object) -> Reference:
        return [(version, "other") for version in range(1, VERSIONS + 1)]

    monkeypatch.setattr(command, "undisturbed", other)
    # I expect the table to say so, and an error.
    with pytest.raises(ServiceError, match="φ is not that of the undisturbed run"):
        attach_chaos(on_folder.platform.settings, console, Plan(0, 0.0, KINDS[1:2], VERSIONS), pids=[])
    assert "NO" in text_of(console)
