"""What was known of the datasets of a study's trials when it was submitted."""

from phiforge.base.canonical import canonical_json, sha256_hex
from phiforge.base.errors import SpecError
from phiforge.registry import PartConfig
from phiforge.runs.datasets import Facts
from phiforge.runs.studies.record import StudyRecord
from phiforge.spec.schema import recorded


def facts_of(record: StudyRecord, data: PartConfig) -> Facts:
    """Return what was known of a dataset when the study was submitted; raises SpecError if it was not looked up."""
    try:
        fields = record.facts[facts_key(data)]
    except KeyError as error:
        raise SpecError([f"data: the dataset {recorded(data)} was not published with the study"]) from error
    return Facts(fields["digest"], tuple(fields["input_shape"]), fields["classes"], fields["drawings"])


def facts_key(data: PartConfig) -> str:
    """Return what a dataset's facts are found by."""
    return sha256_hex(canonical_json(recorded(data)))[:32]
