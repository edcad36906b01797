"""An embedded stack whose services are started again when they die, as any supervisor of processes would."""

import os
import signal
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from phiforge.base.fault_points import VARIABLE
from phiforge.base.settings import Settings
from phiforge_client.stack import Service, Stack


class Death(NamedTuple):
    """A service that ended: by whose will, and with which exit code (a signal's number is negated)."""

    name: str
    exit_code: int | None
    ordered: bool
    log_tail: str


class Fleet(Stack):
    """Services that can be killed, stopped and told to die at a point; ``tend`` starts them again.

    ``environment`` gives what a service is started with beyond its settings, by its name.
    """

    def __init__(
        self, settings: Settings, trainers: int, environment: Callable[[str], Mapping[str, str]] = lambda _: {}
    ) -> None:
        super().__init__(settings, trainers)
        self.deaths: list[Death] = []
        self.orders = settings.home.resolve() / "fault-points"
        self._more = environment

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.resume()
        super().__exit__(kind, error, traceback)

    def environment(self, name: str) -> dict[str, str]:
        """Let every service look for orders at its fault points."""
        return {VARIABLE: f"@{self.orders}", **self._more(name)}

    def named(self, kind: str) -> list[Service]:
        """Return the services of a kind (``sampler``, ``trainer`` or ``evaluator``) that live."""
        return [service for service in self.services if service.name.startswith(kind) and service.process.alive]

    def kill(self, service: Service) -> None:
        """End ``service`` by SIGKILL."""
        self._note(service, ordered=True)
        service.process.kill()

    def tend(self) -> None:
        """Start again what has died, and remember how it died."""
        for service in [each for each in self.services if not each.process.alive]:
            self._note(service, ordered=service.process.exit_code == -signal.SIGKILL)
            self.restart(service)

    def ready(self, name: str) -> bool:
        """Say whether the service of that name lives and has come so far that it serves its metrics."""
        service = next((each for each in self.services if each.name == name), None)
        if not service or not service.process.alive:
            return False
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", service.metrics_port)) == 0

    def order(self, order: str) -> None:
        """Tell whoever first gets to a fault point what to do there, in the grammar of PHIFORGE_FAULTS."""
        aside = self.orders.with_suffix(".new")
        aside.write_text(order)
        aside.replace(self.orders)

    def obeyed(self) -> int | None:
        """Return the number of the process that followed the order, or None so far; the order is forgotten then."""
        for file in self.orders.parent.glob(f"{self.orders.name}.[0-9]*"):
            file.unlink()
            return int(file.suffix[1:])
        return None

    def withdraw(self) -> None:
        """Take an order back."""
        self.orders.unlink(missing_ok=True)

    def resume(self) -> None:
        """Let every stopped process go on."""
        for service in self.services:
            if service.process.alive:
                os.kill(service.process.pid, signal.SIGCONT)

    def crashes(self) -> list[Death]:
        """Return the deaths that nobody ordered."""
        return [death for death in self.deaths if not death.ordered]

    def _note(self, service: Service, ordered: bool) -> None:
        if all(death.name != _identity(service) for death in self.deaths):
            tail = _tail(self.logs / f"{service.name}.log")
            self.deaths.append(Death(_identity(service), service.process.exit_code, ordered, tail))


def _identity(service: Service) -> str:
    return f"{service.name}[{service.process.pid}]"


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])
