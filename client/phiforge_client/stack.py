"""The embedded stack: a real Redis, a folder as object store, and the services as processes of this machine."""

import os
import sys
import time
import urllib.request
from contextlib import ExitStack
from types import TracebackType
from typing import NamedTuple, Self

from phiforge.base.errors import ServiceError
from phiforge.base.settings import Settings
from phiforge_client.deaths import reason
from phiforge_client.processes import ChildProcess, free_port
from phiforge_client.servers import RedisServer

REDIS = "redis"


class Service(NamedTuple):
    """One service process, the port of its /metrics on the loopback, and when it was started (monotonic)."""

    name: str
    process: ChildProcess
    metrics_port: int
    started: float = 0.0


class Member(NamedTuple):
    """A process of the stack, service or not, and when it was started (monotonic)."""

    name: str
    process: ChildProcess
    started: float


class Stack:
    """Starts what a run needs on this machine, and leaves no process behind."""

    def __init__(self, settings: Settings, trainers: int, evaluators: int = 1, samplers: int = 1) -> None:
        self.settings = settings
        self.counts = {"sampler": samplers, "trainer": trainers, "evaluator": evaluators}
        self.logs = settings.home.resolve() / "logs"
        self.services: list[Service] = []
        self._redis: RedisServer | None = None
        self._redis_started = 0.0
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        self.logs.mkdir(parents=True, exist_ok=True)
        try:
            if not self.settings.redis_url:
                server = RedisServer(self.settings.redis_socket, self.logs / "redis.log")
                self._redis, self._redis_started = self._exit.enter_context(server), time.monotonic()
            for name, count in self.counts.items():
                for index in range(count):
                    self.start(name, index)
        except BaseException:
            self._exit.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for service in self.services:
            service.process.interrupt()
        self._exit.close()

    def start(self, name: str, index: int) -> Service:
        """Start one service process: ``sampler``, ``trainer`` or ``evaluator``."""
        port = free_port()
        command = [sys.executable, "-m", "phiforge_client.cli", name]
        log = self.logs / f"{name}-{index}.log"
        environment = self._environment(port) | self.environment(f"{name}-{index}")
        process = ChildProcess(command, env=environment, log=log)
        self._exit.callback(process.terminate, 5.0)
        service = Service(f"{name}-{index}", process, port, time.monotonic())
        self.services.append(service)
        return service

    def environment(self, name: str) -> dict[str, str]:
        """Return what service ``name`` is started with beyond its settings."""
        return {}

    @property
    def members(self) -> list[Member]:
        """Every process of the stack, its Redis first."""
        redis = [Member(REDIS, self._redis.process, self._redis_started)] if self._redis else []
        return [*redis, *(Member(each.name, each.process, each.started) for each in self.services)]

    def restart(self, member: Member | Service) -> None:
        """Start again what has died; raises ServiceError if that is Redis and it does not answer."""
        if member.name == REDIS and self._redis:
            self._redis_started = time.monotonic()
            self._redis.start()
            return
        self.services = [each for each in self.services if each.name != member.name]
        kind, _, index = member.name.partition("-")
        self.start(kind, int(index))

    def check(self) -> None:
        """Raise ServiceError, with its reason, if a process of the stack died."""
        for member in self.members:
            if not member.process.alive:
                raise ServiceError(f"{member.name} died: {reason(member.process.exit_code, member.process.log)}")

    def metrics(self) -> dict[str, str]:
        """Return what each service exports on /metrics right now, by service name."""
        pages = {}
        for service in self.services:
            url = f"http://127.0.0.1:{service.metrics_port}/metrics"
            with urllib.request.urlopen(url, timeout=5) as page:
                pages[service.name] = page.read().decode()
        return pages

    def _environment(self, metrics_port: int) -> dict[str, str]:
        """Hand this process's settings down, with absolute paths."""
        settings = self.settings
        own = {
            "HOME": str(settings.home.resolve()),
            "REDIS_URL": settings.broker_url,
            "REDIS_USER": settings.redis_user,
            "REDIS_PASSWORD": settings.redis_password.get_secret_value(),
            "ALLOW_PLAINTEXT": str(settings.allow_plaintext),
            "STORE_URL": settings.object_store_url,
            "S3_ENDPOINT": settings.s3_endpoint,
            "S3_ACCESS_KEY": settings.s3_access_key,
            "S3_SECRET_KEY": settings.s3_secret_key.get_secret_value(),
            "NAMESPACE": settings.namespace,
            "METRICS_HOST": "127.0.0.1",
            "METRICS_PORT": str(metrics_port),
            "DEVICE": settings.device,
            "RECONCILE_SECONDS": str(settings.reconcile_seconds),
            "STALL_SECONDS": str(settings.stall_seconds),
            "KEEP_EPISODES": str(settings.keep_episodes),
            "KEEP_CHECKPOINTS": str(settings.keep_checkpoints),
            "LEASE_SECONDS": str(settings.lease_seconds),
            "LOG_LEVEL": settings.log_level,
        }
        authorities = {"REDIS_CA": settings.redis_ca, "S3_CA": settings.s3_ca}
        own |= {name: str(file.resolve()) for name, file in authorities.items() if file}
        return dict(os.environ) | {f"PHIFORGE_{name}": value for name, value in own.items()}
