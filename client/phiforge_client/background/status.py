"""``phiforge status``: which home this is, whether a stack runs there, and its programs."""

import time
from typing import Any

from rich.console import Console
from rich.table import Table

from phiforge.base.settings import Settings
from phiforge_client.background.state import MemberState, StackFile, StackState
from phiforge_client.table import clock, whole


def status_of(settings: Settings) -> dict[str, Any]:
    """Return the home, how it was found, the addresses in use, and the stack, as JSON values."""
    file = StackFile(settings.home)
    state = file.running()
    return {
        "home": str(file.home),
        "home_found": settings.home_found,
        "store": settings.object_store_url,
        "redis": settings.broker_url,
        "running": bool(state and state.ready),
        "starting": file.held() and not (state and state.ready),
        "stack": state.to_json() if state else None,
    }


def print_status(console: Console, settings: Settings) -> None:
    """Print that for a person."""
    found, file = status_of(settings), StackFile(settings.home)
    for name in ("home", "store", "redis"):
        how = f" ({found['home_found']})" if name == "home" else ""
        console.print(f"{name:5}  {found[name]}{how}", highlight=False, markup=False, soft_wrap=True)
    console.print(_sentence(file), highlight=False, markup=False, soft_wrap=True)
    if state := file.running():
        whole(console).print(_table(state), highlight=False)


def _sentence(file: StackFile) -> str:
    state = file.running()
    if state and state.ready:
        age, pid = clock(time.time() - state.since), state.supervisor.pid
        return f"stack  up for {age}, process {pid}; `phiforge down` stops it"
    if file.held():
        return "stack  starting"
    last = file.read()
    ended = f"; the last one, process {last.supervisor.pid}, ended without being stopped" if last else ""
    return f"stack  none{ended}; `phiforge up --detach` starts one"


def _table(state: StackState) -> Table:
    shown = Table("program", "process", "metrics", box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for each in state.members:
        shown.add_row(each.name, _process(each), each.metrics or "–")
    return shown


def _process(member: MemberState) -> str:
    return str(member.process.pid) if member.process.alive else "down, to be started again"
