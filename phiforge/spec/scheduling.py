"""What bounded staleness and local steps ask of the other parts of a spec."""

from collections.abc import Iterator, Mapping
from typing import Any

from phiforge.registry import ESTIMATORS


def scheduling_problems(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the problems in how contributions may lag and jobs may run ahead; absent sections are not looked at."""
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
