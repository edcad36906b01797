"""A published figure beside a spec of ours: what is the same, what differs, and what nobody says."""

from typing import NamedTuple

from benchmarks.protocols.figures import Fact, Figure
from benchmarks.protocols.ours import FIELDS, ours
from phiforge.spec.run import RunSpec

NOT_STATED = "not stated"
PUBLISHED = "published"


class Row(NamedTuple):
    """One fact: what was published, where, and what ours is."""

    field: str
    published: str
    source: str
    ours: str

    @property
    def differs(self) -> bool:
        """Whether both are known and are not the same."""
        return self.published not in (NOT_STATED, self.ours)


class Comparison(NamedTuple):
    """All facts of a figure beside those of a spec."""

    rows: tuple[Row, ...]
    besides: tuple[Fact, ...]

    @property
    def differing(self) -> list[str]:
        """The names of the facts that differ."""
        return [row.field for row in self.rows if row.differs]

    @property
    def not_stated(self) -> list[str]:
        """The names of the facts that nobody says."""
        return [row.field for row in self.rows if row.published == NOT_STATED]

    @property
    def protocol(self) -> str:
        """``published`` where every fact is known and the same, else in how many ways it is not that."""
        differing = len(self.differing) + len(self.besides)
        if not differing and not self.not_stated:
            return PUBLISHED
        found = [f"{differing} {'differs' if differing == 1 else 'differ'}"] if differing else []
        return ", ".join(found + ([f"{len(self.not_stated)} not stated"] if self.not_stated else []))


def compared(figure: Figure, spec: RunSpec) -> Comparison:
    """Return every fact of ``figure`` beside that of ``spec``.

    Example::

        compared(figure_of("maml", 5), parse_spec(read_spec(Path("specs/omniglot-maml-5w1s.yaml")))).protocol
    """
    values = ours(spec)
    rows = []
    for field in FIELDS:
        what, source = figure.facts.get(field, Fact(NOT_STATED, ""))
        rows.append(Row(field, what, source, values[field]))
    return Comparison(tuple(rows), figure.besides)
