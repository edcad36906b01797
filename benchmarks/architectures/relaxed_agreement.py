"""Whether weights that all cells share rank the cells as training each by itself does."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scipy.stats import spearmanr

from benchmarks.architectures.table import Operations, Table

AGREEMENT = """
## Do shared weights rank cells as their own training does?

Spearman's correlation between the accuracy of the cells that were drawn, on validation tasks with shared weights, and
their accuracy in the table, each trained by itself; mean over seeds, and each. 1: the same order; 0: none.
"""


def agreement(found: Sequence[Mapping[str, Any]], names: Sequence[str], table: Table) -> Iterator[str]:
    """Yield the lines of the page about searches that draw; none if there are no such."""
    drew = {name: [each for each in found if each["search"] == name and each.get("drawn")] for name in names}
    if not any(drew.values()):
        return
    yield AGREEMENT
    for name, rows in drew.items():
        if rows:
            every = [_correlation(each["drawn"], table) for each in rows]
            cells = ", ".join(str(len(each["drawn"])) for each in rows)
            values = ", ".join(f"{each:.2f}" for each in every)
            yield f"* {name}: {statistics.fmean(every):.2f} ({values}), over {cells} cells."


def _correlation(drawn: Mapping[str, float], table: Table) -> float:
    cells: list[Operations] = [tuple(cell.split()) for cell in drawn]  # type: ignore[arg-type]
    return float(spearmanr(list(drawn.values()), [table.truth(cell) for cell in cells]).statistic)
