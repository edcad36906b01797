"""``phiforge up``: the embedded stack, for as long as this process lives."""

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from rich.console import Console

from phiforge.base.settings import Settings
from phiforge_client.background.identity import Identity
from phiforge_client.background.state import MemberState, StackFile, StackState
from phiforge_client.keeper import Keeper
from phiforge_client.stack import Stack

CHECK_SECONDS = 0.5


def run_stack(
    settings: Settings,
    console: Console,
    trainers: int | None,
    evaluators: int = 1,
    ready: Callable[[Any], None] | None = None,
) -> None:
    """Run the embedded stack until SIGINT or SIGTERM; ``ready`` is given what is up once all of it is.

    What dies is started again; raises ServiceError if something dies at once, again and again, or if this home has a
    stack already.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    file, state = StackFile(settings.home), StackState.mine()
    with file.owned():
        file.write(state)
        with Stack(settings, trainers or cores(), evaluators) as stack:
            state = _note(file, state, stack)
            if ready:
                ready(state.to_json())
            _welcome(settings, console, stack)
            keeper = Keeper(stack, lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True))
            while not stop.wait(CHECK_SECONDS):
                keeper.tend()
                state = _note(file, state, stack)


def _welcome(settings: Settings, console: Console, stack: Stack) -> None:
    for service in stack.services:
        console.print(f"{service.name}: http://127.0.0.1:{service.metrics_port}/metrics", highlight=False)
    home = f"{settings.home.resolve()} ({settings.home_found})"
    console.print(f"home: {home}; logs: `phiforge logs`", highlight=False, markup=False, soft_wrap=True)
    console.print("ready: `phiforge submit SPEC` in another terminal; Ctrl-C stops", highlight=False)


def _note(file: StackFile, state: StackState, stack: Stack) -> StackState:
    """Write down which programs the stack has now, if they are others than those in ``state``."""
    members = tuple(_member(each.name, each.process.pid, state, stack) for each in stack.members)
    if members == state.members and state.ready:
        return state
    now = state._replace(ready=True, members=members)
    file.write(now)
    return now


def _member(name: str, pid: int, state: StackState, stack: Stack) -> MemberState:
    """Return what is written down of a program; who it was is kept, as one that died has no identity any more."""
    ports = {each.name: each.metrics_port for each in stack.services}
    metrics = f"http://127.0.0.1:{ports[name]}/metrics" if name in ports else ""
    known = next((each.process for each in state.members if each.process.pid == pid), None)
    return MemberState(name, known or Identity.of(pid), metrics, str(stack.logs / f"{name}.log"))


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))
