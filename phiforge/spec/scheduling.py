"""What schedules, bounded staleness and local steps ask of the other parts of a spec."""

from collections.abc import Iterator, Mapping
from typing import Any

from phiforge.registry import ESTIMATORS
from phiforge.spec.outer import PERIODIC, Outer


def scheduling_problems(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the problems in how rates go, contributions lag and jobs run ahead; absent sections are not looked at."""
    if values.get("outer") is not None:
        yield from _period_problems(values["outer"])
    consistency, staleness = values.get("consistency"), values.get("staleness")
    if consistency == "synchronous" and staleness:
        yield f"staleness: {staleness}, but consistency 'synchronous' waits for every job; allowed: 0"
    estimator, outer = values.get("estimator"), values.get("outer")
    if estimator is None:
        return
    part = ESTIMATORS[estimator.name]
    if outer is not None and outer.local_steps > 1 and part.no_local_steps:
        reason = f"estimator '{estimator.name}' {part.no_local_steps}"
        yield f"outer.local_steps: {outer.local_steps}, but {reason}; allowed: 1"
    if consistency == "bounded_staleness" and part.no_staleness:
        reason = f"estimator '{estimator.name}' {part.no_staleness}"
        yield f"consistency: 'bounded_staleness', but {reason}; allowed: synchronous"


def _period_problems(outer: Outer) -> Iterator[str]:
    """Yield where a schedule lacks its period, or a period its schedule."""
    schedule = outer.schedule
    if schedule in PERIODIC and not outer.period:
        yield f"outer.period: 0, but schedule '{schedule}' goes by periods; allowed: 1 or more versions"
    if schedule not in PERIODIC and outer.period:
        allowed = "0, or schedule " + " or ".join(f"'{each}'" for each in PERIODIC)
        yield f"outer.period: {outer.period}, but schedule '{schedule}' has no periods; allowed: {allowed}"
    if schedule != "restarts" and outer.period_factor != 1:
        grows = f"periods grow under schedule 'restarts' alone, not '{schedule}'"
        yield f"outer.period_factor: {outer.period_factor}, but {grows}; allowed: 1"
