"""What bounded staleness and local steps ask of the other parts of a spec."""

from collections.abc import Iterator, Mapping
from typing import Any


def pace_faults(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the faults in how contributions may lag and jobs may run ahead; absent sections are not looked at."""
    consistency, staleness = values.get("consistency"), values.get("staleness")
    if consistency == "synchronous" and staleness:
        yield f"staleness: {staleness}, but consistency 'synchronous' waits for every job; allowed: 0"
    estimator, outer = values.get("estimator"), values.get("outer")
    if estimator is None:
        return
    if outer is not None and outer.local_steps > 1 and (reason := _no_local_steps(estimator.name)):
        yield f"outer.local_steps: {outer.local_steps}, but {reason}; allowed: 1"
    if consistency == "bounded_staleness" and (reason := _no_staleness(estimator.name)):
        yield f"consistency: 'bounded_staleness', but {reason}; allowed: synchronous"


def _no_local_steps(estimator: str) -> str | None:
    if estimator == "evolution":
        return "estimator 'evolution' contributes scores, which need every job's to become a step"
    if estimator == "none":
        return "estimator 'none' takes no steps"
    return None


def _no_staleness(estimator: str) -> str | None:
    if estimator == "evolution":
        return "estimator 'evolution' draws its perturbations again from the version that all jobs share"
    if estimator == "none":
        return "estimator 'none' makes no contributions"
    return None
