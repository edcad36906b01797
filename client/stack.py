"""The embedded stack: a real Redis, a folder as object store, and the services as processes of this machine."""

import os
import sys
import urllib.request
from contextlib import ExitStack
from types import TracebackType
from typing import NamedTuple, Self

from client.processes import ChildProcess, free_port
from client.servers import RedisServer
from phiforge.base.errors import ServiceError
from phiforge.base.settings import Settings

SERVICES = ("sampler", "trainer", "evaluator")


class Service(NamedTuple):
    """One service process, and the port of its /metrics on the loopback."""

    name: str
    process: ChildProcess
    metrics_port: int


class Stack:
    """Starts what a run needs on this machine, and leaves no process behind."""

    def __init__(self, settings: Settings, trainers: int, evaluators: int = 1, samplers: int = 1) -> None:
        self.settings = settings
        self.counts = {"sampler": samplers, "trainer": trainers, "evaluator": evaluators}
        self.logs = settings.home.resolve() / "logs"
        self.services: list[Service] = []
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        self.logs.mkdir(parents=True, exist_ok=True)
        try:
            if not self.settings.redis_url:
                self._exit.enter_context(RedisServer(self.settings.redis_socket, self.logs / "redis.log"))
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
        command = [sys.executable, "-m", "client.cli", name]
        log = self.logs / f"{name}-{index}.log"
        environment = self._environment(port) | self.environment(f"{name}-{index}")
        process = ChildProcess(command, env=environment, log=log)
        self._exit.callback(process.terminate, 5.0)
        service = Service(f"{name}-{index}", process, port)
        self.services.append(service)
        return service

    def environment(self, name: str) -> dict[str, str]:
        """Return what service ``name`` is started with beyond its settings."""
        return {}

    def check(self) -> None:
        """Raise ServiceError, with the end of its log, if a service died."""
        for service in self.services:
            if not service.process.alive:
                log = self.logs / f"{service.name}.log"
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
                raise ServiceError(f"{service.name} died; the end of {log}:\n{tail}")

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
