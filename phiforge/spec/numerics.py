"""What engines and types ask of the other parts of a spec."""

from collections.abc import Iterator, Mapping
from typing import Any

from phiforge.registry import ESTIMATORS, LEARNERS, NETWORKS


def numerics_problems(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the problems in how a run is to be computed; absent sections are not looked at."""
    numerics = values.get("numerics")
    if numerics is None:
        return
    learner, estimator = values.get("learner"), values.get("estimator")
    if numerics.engine == "fused" and learner is not None and LEARNERS[learner.name].third_derivatives(learner):
        yield (
            f"numerics.engine: 'fused' has no third derivatives, which learner '{learner.name}' so configured needs; "
            "allowed with it: auto, torch"
        )
    if numerics.engine != "vmap":
        return
    if learner is not None and not LEARNERS[learner.name].mapped:
        mapped = ", ".join(name for name, each in LEARNERS.working().items() if each.mapped)
        yield (
            f"numerics.engine: 'vmap' computes the episodes of a chunk as one, which learner '{learner.name}' cannot; "
            f"allowed with it: auto, fused, torch; learners that can: {mapped}"
        )
    network = getattr(learner, "network", None)
    if network is not None and (why := NETWORKS[network.name].refuses_vmap(network)):
        yield (
            f"numerics.engine: 'vmap' computes the episodes of a chunk as one, but network '{network.name}' so "
            f"configured {why}; allowed with it: auto, fused, torch"
        )
    if estimator is not None and not ESTIMATORS[estimator.name].mapped:
        gradients = [name for name, each in ESTIMATORS.working().items() if each.mapped]
        yield (
            f"numerics.engine: 'vmap' computes the gradients of estimators {' and '.join(gradients)}, "
            f"not what '{estimator.name}' contributes; allowed with it: auto, fused, torch"
        )
