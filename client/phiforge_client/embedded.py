"""``phiforge up``: the embedded stack in the foreground."""

import os
import signal
import threading

from rich.console import Console

from phiforge.base.settings import Settings
from phiforge_client.keeper import Keeper
from phiforge_client.stack import Stack

CHECK_SECONDS = 0.5


def run_stack(settings: Settings, console: Console, trainers: int | None, evaluators: int = 1) -> None:
    """Run the embedded stack until SIGINT or SIGTERM.

    What dies is started again; raises ServiceError if something dies at once, again and again.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with Stack(settings, trainers or cores(), evaluators) as stack:
        for service in stack.services:
            console.print(f"{service.name}: http://127.0.0.1:{service.metrics_port}/metrics", highlight=False)
        console.print("ready: `phiforge submit SPEC` in another terminal; Ctrl-C stops", highlight=False)
        keeper = Keeper(stack, lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True))
        while not stop.wait(CHECK_SECONDS):
            keeper.tend()


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))
