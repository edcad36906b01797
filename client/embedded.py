"""``phiforge up``: the embedded stack in the foreground."""

import os
import signal
import threading

from rich.console import Console

from client.stack import Stack
from phiforge.base.settings import Settings

CHECK_SECONDS = 1.0


def run_stack(settings: Settings, console: Console, trainers: int | None) -> None:
    """Run the embedded stack until SIGINT or SIGTERM; raises ServiceError if a service dies."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with Stack(settings, trainers or cores()) as stack:
        for service in stack.services:
            console.print(f"{service.name}: http://127.0.0.1:{service.metrics_port}/metrics", highlight=False)
        console.print("ready: `phiforge submit specs/NAME.yaml` in another terminal; Ctrl-C stops", highlight=False)
        while not stop.wait(CHECK_SECONDS):
            stack.check()


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))
