"""What a spec leaves open about how it is computed, decided when it is submitted."""

from phiforge.learning.engines import lacks
from phiforge.learning.tried_steps import tries_steps
from phiforge.registry import LEARNERS, NETWORKS
from phiforge.spec.numerics import numerics_problems
from phiforge.spec.run import RunSpec
from phiforge.spec.task import Engine

__all__ = ["settled", "tries_steps"]


def settled(spec: RunSpec, device: str) -> RunSpec:
    """Return ``spec`` with ``numerics.engine`` settled, so that workers cannot choose: what is fastest where it serves.

    ``device`` is the submitter's; a fleet on other devices that lacks the engine refuses the run.
    """
    if spec.numerics.engine != "auto":
        return spec
    serves = _mapped if device.startswith("cuda") else _fused
    return serves(spec) or _by(spec, "torch")


def _by(spec: RunSpec, engine: Engine) -> RunSpec:
    return spec.model_copy(update={"numerics": spec.numerics.model_copy(update={"engine": engine})})


def _fused(spec: RunSpec) -> RunSpec | None:
    """Return ``spec`` by engine ``fused`` if that is of use to its network."""
    network = getattr(spec.learner, "network", None)
    if network is None or not NETWORKS[network.name].has_fused_blocks(network) or lacks("fused", "cpu"):
        return None
    return _serving(spec, "fused")


def _mapped(spec: RunSpec) -> RunSpec | None:
    """Return ``spec`` by engine ``vmap`` if that serves its learner and estimator, and a GPU may capture them."""
    return _serving(spec, "vmap") if LEARNERS[spec.learner.name].capturable else None


def _serving(spec: RunSpec, engine: Engine) -> RunSpec | None:
    """Return ``spec`` by ``engine`` if that serves its learner, its estimator and its type."""
    found = _by(spec, engine)
    parts = {"numerics": found.numerics, "learner": spec.learner, "estimator": spec.estimator}
    return None if any(numerics_problems(parts)) else found
