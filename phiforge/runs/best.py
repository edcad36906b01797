"""Which version of a run is the best: the validation tasks say."""

from phiforge.registry import DATA, SCORES
from phiforge.runs.record import Record
from phiforge.runs.submitted import RunRecord


def best_of(record: Record, run: RunRecord) -> int:
    """Return the version with the best validation score; of equals the first.

    It is the accuracy, of a regression the loss, of tasks to act in the return.

    Raises FormatError if scores are damaged.
    """
    scored = record.scored(run.run, "validation")
    scores = {version: record.scores(run.run, "validation", version) for version in scored}
    chosen_by = DATA[run.spec.data.name].chooses_by
    sign = -1 if SCORES[chosen_by].higher_is_better else 1
    return min(scored, key=lambda version: (sign * scores[version][chosen_by], version))
