"""The section about real studies on the enumerated space, of made-up ones."""

from benchmarks.architectures.real import written
from benchmarks.architectures.table import EDGES, read


def test_real_studies_are_judged_by_the_table():
    # Given a study that found the best cell of the table, and one that found another and saw what the table has not
    table = read()
    best, other = table.best(), table.cells[0]
    trials = [
        {"cell": list(cell), "seed": 1, "value": round(table.validation(cell, 1) + wrong, 5)}
        for cell, wrong in ((best, 0), (other, 0.1))
    ]
    found = [
        {"search": "tpe", "seed": 0, "best": 0, "trials": trials},
        {"search": "tpe", "seed": 1, "best": 1, "trials": trials},
    ]
    lines = list(written(found, table))
    # I expect their regrets, the cells, and how many values are the table's.
    regret = f"{100 * table.regret(other):.2f}"
    assert lines[-1] == f"| tpe | 0.00, {regret} | {' '.join(best)}; {' '.join(other)} |"
    assert any("Of their 4 values 2 are the table's" in line for line in lines)
    assert len(best) == len(EDGES)
