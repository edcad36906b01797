"""What `phiforge logs` shows of files of any size, while they grow."""

import threading
import time
from pathlib import Path

import pytest

from phiforge.base.errors import ServiceError
from phiforge.base.settings import Settings
from phiforge_client.logs import followed, logs_of, tail


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home with the logs of three programs."""
    folder = tmp_path / "logs"
    folder.mkdir()
    for name in ("redis", "trainer-0", "trainer-1"):
        (folder / f"{name}.log").write_text(f"one of {name}\n\n  \nlast of {name}\n")
    return Settings(home=tmp_path)


def test_all_of_one_kind_or_one(settings: Settings) -> None:
    assert [log.service for log in logs_of(settings)] == ["redis", "trainer-0", "trainer-1"]
    assert [log.service for log in logs_of(settings, "trainer")] == ["trainer-0", "trainer-1"]
    assert [log.service for log in logs_of(settings, "redis")] == ["redis"]


def test_what_is_not_there(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"there are: redis, trainer-0, trainer-1; did you mean 'redis'"):
        logs_of(settings, "redi")
    with pytest.raises(ServiceError, match="there are no logs"):
        logs_of(Settings(home=tmp_path / "other"))


def test_the_last_lines_of_a_large_file(tmp_path: Path) -> None:
    # Given a log of some megabytes, in letters of several bytes, I expect its last lines, whole.
    path = tmp_path / "large.log"
    path.write_text("".join(f"Zeile {number} φ{'x' * 100}\n" for number in range(30_000)), encoding="utf-8")
    found = tail(path, 1000)
    assert len(found) == 1000
    assert found[0].startswith("Zeile 29000 φ")
    assert tail(path, 0) == []
    (tmp_path / "empty.log").touch()
    assert tail(tmp_path / "empty.log", 5) == []


def test_further_lines_come_as_they_are_written(settings: Settings) -> None:
    # Given logs that are followed, if a program writes, begins its log anew, and writes half a line
    logs = logs_of(settings, "trainer")
    lines = followed(logs)

    def write() -> None:
        time.sleep(0.3)
        with logs[0].path.open("a") as file:
            file.write("more\nhalf")
        time.sleep(0.5)
        logs[1].path.write_text("anew\n")
        with logs[0].path.open("a") as file:
            file.write(" and half\n")

    writer = threading.Thread(target=write)
    writer.start()
    # I expect each whole line once, with whose it is.
    found = [next(lines) for _ in range(3)]
    writer.join()
    assert sorted((log.service, line) for log, line in found) == [
        ("trainer-0", "half and half"),
        ("trainer-0", "more"),
        ("trainer-1", "anew"),
    ]
