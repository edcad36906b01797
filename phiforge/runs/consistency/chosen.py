"""Which protocol a spec chose: nobody else looks at that."""

from collections.abc import Mapping

from phiforge.runs.consistency.base import Rules
from phiforge.runs.consistency.bounded_staleness.rules import BoundedStalenessRules
from phiforge.runs.consistency.synchronous.rules import SynchronousRules
from phiforge.spec.run import RunSpec

RULES: Mapping[str, type[Rules]] = {rules.name: rules for rules in (SynchronousRules, BoundedStalenessRules)}


def consistency_of(spec: RunSpec) -> Rules:
    """Return the rules by which contributions become versions of a run of ``spec``."""
    return RULES[spec.consistency](spec)
