"""Which network stands in for a small one where a learner does not take just any."""

from typing import Any

from phiforge.learning.learners import LEARNERS


def fitting(learner: str, network: dict[str, Any]) -> dict[str, Any]:
    """Return ``network``, or for a learner that searches architectures a relaxed one as wide and normalised alike."""
    if not LEARNERS[learner].searches:
        return network
    kept = {name: network[name] for name in ("channels", "norm") if name in network}
    return {"name": "relaxed_cell", "stages": 2} | kept
