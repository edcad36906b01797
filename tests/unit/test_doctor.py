"""The doctor finds what is wrong with a machine, and says what to do."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from phiforge.base.settings import Settings
from phiforge_client.doctor import places, servers
from phiforge_client.doctor.examine import examine, worst
from phiforge_client.doctor.finding import Finding, State, failure, good, warning
from tests.servers import LyingS3, RacingS3, StandInS3


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing set on this machine but a home."""
    monkeypatch.setenv("PHIFORGE_SECRETS_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("PHIFORGE_HOME", str(tmp_path / "home"))


def of(found: Iterator[Finding], what: str) -> Finding:
    [one] = [each for each in found if each.what == what]
    return one


def test_a_machine_on_which_the_tests_run_can_run_phiforge(tmp_path: Path) -> None:
    # Given this machine and a home that is not there, if all is looked at
    found = list(examine())
    # I expect nothing to fail, each line that is not well to say what to do, and nothing to be made.
    assert [each for each in found if each.state is State.FAIL] == []
    assert all(bool(each.do) == (each.state is not State.OK) for each in found)
    assert {"Python", "torch", "processor", "cores", "Redis", "object storage", "home"} <= {each.what for each in found}
    assert not (tmp_path / "home").exists()


def test_settings_that_cannot_be_used_are_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given two wrong settings, I expect two findings that fail, and the machine to be looked at all the same.
    monkeypatch.setenv("PHIFORGE_DEVICE", "tpu")
    monkeypatch.setenv("PHIFORGE_LOG_LEVEL", "LOUD")
    found = list(examine())
    assert sum(each.what == "settings" and each.state is State.FAIL for each in found) == 2
    assert any(each.what == "torch" for each in found)


def test_the_worst_counts() -> None:
    assert worst([good("a", "b")]) is State.OK
    assert worst([good("a", "b"), warning("a", "b", "c")]) is State.WARN
    assert worst([failure("a", "b", "c"), warning("a", "b", "c")]) is State.FAIL


def test_a_port_that_is_taken() -> None:
    # Given a port on which another program listens, I expect to be told; given none, I expect it to be well.
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert of(places.ports(Settings(metrics_port=port)), "ports").state is State.FAIL
    assert of(places.ports(Settings()), "ports").state is State.OK


def test_data_that_is_not_there(tmp_path: Path) -> None:
    found = of(places.data(Settings(images=tmp_path / "gone")), "data")
    assert found.state is State.FAIL
    assert "PHIFORGE_IMAGES" in found.do


def test_a_folder_as_object_storage(tmp_path: Path) -> None:
    # Given a folder that is there, I expect it to be tried, and to be empty again.
    settings = Settings(home=tmp_path)
    (tmp_path / "store").mkdir()
    found = of(servers.store(settings), "object storage")
    assert found.state is State.OK
    assert "one does" in found.found
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("server", [LyingS3(), RacingS3(0.2)], ids=["lying", "racing"])
def test_an_s3_server_that_breaks_its_promise(server: StandInS3) -> None:
    # Given a server that ignores conditions, or loses races, I expect a finding that fails and says which servers do.
    with server:
        settings = Settings(store_url="s3://bucket", s3_endpoint=server.endpoint)
        with pytest.raises(Exception, match="If-None-Match"):
            list(servers.store(settings))


class LateS3(StandInS3):
    """Keeps its promises, and has a clock that is an hour behind."""

    def __init__(self) -> None:
        self._there = set[str]()
        super().__init__()

    def write(self, path: str) -> int:
        there = path in self._there
        self._there.add(path)
        return 412 if there else 200


def test_a_clock_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given an S3 server whose clock is an hour behind, I expect to be told that it refuses what is signed here.
    import http.server

    late = "Mon, 01 Jan 2001 00:00:00 GMT"
    monkeypatch.setattr(http.server.BaseHTTPRequestHandler, "date_time_string", lambda *_: late)
    with LateS3() as server:
        found = list(servers.store(Settings(store_url="s3://bucket", s3_endpoint=server.endpoint)))
    assert of(iter(found), "object storage").state is State.OK
    assert of(iter(found), "clock of S3").state is State.FAIL


def test_no_redis_at_an_address_that_was_given() -> None:
    found = of(servers.redis(Settings(redis_url="redis://127.0.0.1:1/0")), "Redis")
    assert found.state is State.FAIL
    assert "PHIFORGE_REDIS_URL" in found.do
