"""Published figures, and what is known of how each was made: read from ``facts/*.yaml``.

A file is one paper. What holds for all of its figures stands under ``all``, what holds for one beside it. A fact is
``[what, where it is said]``. A fact that is not there was found neither in the paper nor in the published code.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml

FOLDER = Path(__file__).parent / "facts"


class Fact(NamedTuple):
    """What was done, as our own would be said, and where it is said."""

    what: str
    source: str


class Figure(NamedTuple):
    """One accuracy, in per cent, and how it was made.

    ``learner``: what ours is called in the table of all learners. ``spec``: our ready-made one; ``closest``: the one
    that is as near to the published figure as our parts come, if there is one. ``besides``: what no spec can say.
    """

    learner: str
    n_way: int
    accuracy: str
    paper: str
    code: str
    spec: str
    closest: str
    facts: Mapping[str, Fact]
    besides: tuple[Fact, ...]

    @property
    def name(self) -> str:
        """What the page calls it."""
        return f"{self.learner}, {self.n_way}-way"


@cache
def figures() -> tuple[Figure, ...]:
    """Return all of them, by paper."""
    return tuple(figure for path in sorted(FOLDER.glob("*.yaml")) for figure in _of_paper(path))


def figure_of(learner: str, n_way: int) -> Figure | None:
    """Return the figure that was published of a learner on tasks of so many ways, if one was."""
    return next((each for each in figures() if (each.learner, each.n_way) == (learner, n_way)), None)


def _of_paper(path: Path) -> list[Figure]:
    paper = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [
        Figure(
            learner=each["learner"],
            n_way=each["n_way"],
            accuracy=str(each["accuracy"]),
            paper=paper["paper"],
            code=paper.get("code", ""),
            spec=each["spec"],
            closest=each.get("closest", ""),
            facts=_facts(paper.get("all", {}) | each.get("facts", {})),
            besides=tuple(_fact(fact) for fact in [*paper.get("besides", []), *each.get("besides", [])]),
        )
        for each in paper["figures"]
    ]


def _facts(found: Mapping[str, list[object]]) -> dict[str, Fact]:
    return {name: _fact(fact) for name, fact in found.items()}


def _fact(fact: list[object]) -> Fact:
    what, source = fact
    return Fact(f"{what:,}" if isinstance(what, int) else str(what), str(source))
