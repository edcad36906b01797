"""Runs, undisturbed and disturbed, one after the other on one stage."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from phiforge.base.errors import ServiceError
from phiforge.runs.record import RunStatus
from phiforge_client.chaos.faults import KINDS
from phiforge_client.chaos.schedule import Injection
from phiforge_client.chaos.stage import Stage
from phiforge_client.chaos.verdict import Verdict, hashes, judge
from phiforge_client.steering import start_regardless
from phiforge_client.submission import submit

Reference = list[tuple[int, str]]
"""(version, φ's hash) of every version of the undisturbed run."""


class Injected(NamedTuple):
    """One fault and, in seconds, how long after it the next version was committed; None if none was to come."""

    kind: str
    recovery: float | None


class Disturbed(NamedTuple):
    """One run that faults befell."""

    verdict: Verdict
    faults: list[Injected]
    longest_still: float

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        faults = [each._asdict() for each in self.faults]
        return self.verdict._asdict() | {"equal": self.verdict.equal, "faults": faults, "still": self.longest_still}


def undisturbed(stage: Stage, spec: Mapping[str, Any], patience_seconds: float) -> Reference:
    """Let nothing befall a run of ``spec``; return φ's hash at every version."""
    run = _submitted(stage, spec)
    with stage.watching(run, patience_seconds):
        while not stage.over:
            pass
    if (status := stage.platform.record.status(run)) is not RunStatus.COMPLETE:
        raise ServiceError(f"the undisturbed run {run} is {status}: {stage.platform.record.end_reason(run, status)}")
    return hashes(stage.platform, run)


def disturbed(
    stage: Stage, spec: Mapping[str, Any], injections: Sequence[Injection], reference: Reference, patience: float
) -> Disturbed:
    """Let ``injections`` befall a run of ``spec`` and judge it; ``patience`` is the watchdog's, in seconds."""
    run = _submitted(stage, spec)
    faults = []
    with stage.watching(run, patience) as watchdog:
        for injection in injections:
            if stage.reach(injection.version):
                faults.append(_inject(stage, injection.kind))
        while not stage.over:
            pass
        return Disturbed(judge(stage.platform, run, reference, watchdog.hashes), faults, watchdog.longest)


def _submitted(stage: Stage, spec: Mapping[str, Any]) -> str:
    """Submit a run that starts now, whatever waits on an operator's fleet: the watchdog is about to look at it."""
    run = submit(stage.platform, spec)
    start_regardless(stage.platform, run)
    return run


def _inject(stage: Stage, kind: str) -> Injected:
    KINDS[kind].inject(stage)
    over, commits = time.monotonic(), stage.watched.commits
    moved = stage.wait(lambda: stage.watched.commits > commits, float("inf"))
    return Injected(kind, time.monotonic() - over if moved else None)
