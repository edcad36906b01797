"""What moves the runs of which protocol."""

from collections.abc import Mapping

from phiforge.runs.consistency.base import Consistency
from phiforge.runs.consistency.bounded_staleness.protocol import BoundedStaleness
from phiforge.runs.consistency.bounded_staleness.rules import BoundedStalenessRules
from phiforge.runs.consistency.chosen import consistency_of
from phiforge.runs.consistency.synchronous.protocol import Synchronous
from phiforge.runs.consistency.synchronous.rules import SynchronousRules
from phiforge.runs.platform import RunPlatform
from phiforge.runs.submitted import RunRecord

PROTOCOLS: Mapping[str, type[Consistency]] = {
    SynchronousRules.name: Synchronous,
    BoundedStalenessRules.name: BoundedStaleness,
}


def protocol_of(platform: RunPlatform, record: RunRecord) -> Consistency:
    """Return what moves a run on a platform."""
    return platform.once(PROTOCOLS[consistency_of(record.spec).name])
