"""Faults of processes: killed at any moment, killed at a named point, stopped for so long that all go on without."""

import os
import signal

from phiforge.base.fault_points import POINTS
from phiforge_client.chaos.stage import Stage

_OBEY_SECONDS = 20.0
_ZOMBIE_VERSIONS = 5


def kill_trainer(stage: Stage) -> None:
    """Kill a trainer by SIGKILL, whatever it does."""
    _kill(stage, "trainer")


def kill_sampler(stage: Stage) -> None:
    """Kill a sampler by SIGKILL, whatever it does."""
    _kill(stage, "sampler")


def kill_evaluator(stage: Stage) -> None:
    """Kill an evaluator by SIGKILL, whatever it does."""
    _kill(stage, "evaluator")


def kill_everything(stage: Stage) -> None:
    """Kill every service at once."""
    for service in list(stage.own.services):
        stage.own.kill(service)


def kill_at_point(stage: Stage) -> None:
    """Let a process kill itself at one of the named points."""
    at_point(stage, stage.random.choice(sorted(POINTS)), "kill")


def zombie(stage: Stage) -> None:
    """Let a trainer stand still with a finished contribution in its hand until the run is far ahead; then go on."""
    if not (pid := at_point(stage, "trainer.computed", "stop")):
        return
    settings, version = stage.platform.settings, stage.watched.head
    try:
        stage.wait(lambda: stage.watched.head >= version + _ZOMBIE_VERSIONS, _OBEY_SECONDS)
        stage.pause(2 * settings.stall_seconds)
    finally:
        os.kill(pid, signal.SIGCONT)


def kill_given(stage: Stage) -> None:
    """Kill one of the processes that the operator gave."""
    living = [pid for pid in stage.pids if _lives(pid)]
    if living:
        os.kill(stage.random.choice(living), signal.SIGKILL)


def at_point(stage: Stage, point: str, action: str) -> int | None:
    """Let the first process that gets to ``point`` do ``action``; return its number, None if none got there."""
    pid: list[int] = []

    def obeyed() -> bool:
        pid.extend(filter(None, [stage.own.obeyed()]))
        return bool(pid)

    stage.own.order(f"{point}={action}")
    stage.wait(obeyed, _OBEY_SECONDS)
    stage.own.withdraw()
    return pid[0] if pid or obeyed() else None


def _kill(stage: Stage, kind: str) -> None:
    if living := stage.own.named(kind):
        stage.own.kill(stage.random.choice(living))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
