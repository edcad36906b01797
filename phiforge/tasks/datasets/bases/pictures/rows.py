"""What a table says of one picture, whatever the table is written in."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from phiforge.base.errors import DataError
from phiforge.base.nearest import did_you_mean
from phiforge.tasks.datasets.bases.files.folder import SPLIT_FOLDERS
from phiforge.tasks.datasets.bases.files.names import one_form
from phiforge.tasks.datasets.bases.problems import brief

PATHS = ("path", "file_name", "filename", "file", "image")
LABELS = ("label", "class", "category", "target")
SPLITS = ("split", "subset")
"""What people call the columns of paths, of classes and, if there is one, of splits; the first that is there counts."""


class Row(NamedTuple):
    """What a table says of one picture; ``split`` and ``group`` are empty if it says none."""

    path: str
    label: str
    split: str = ""
    group: str = ""


class Columns(NamedTuple):
    """What the columns of a table are called; ``split`` and ``group`` are empty if it has none."""

    path: str
    label: str
    split: str
    group: str

    def row(self, line: Mapping[str, Any]) -> Row:
        """Return what a line says; a value that is not there says nothing."""
        said = {name: text_of(line.get(name)) for name in self if name}
        return row_of(said[self.path], said[self.label], said.get(self.split, ""), said.get(self.group, ""))


def columns(names: Sequence[str], file: str, group_by: str) -> Columns:
    """Return which columns of a table say what.

    Args:
        names: those that it has.
        file: what errors call it.
        group_by: the column of groups, if there is one.

    Raises DataError, with what there is, if paths, labels or groups have none.
    """
    split = next((name for name in names if name.lower() in SPLITS), "")
    group = column(names, (group_by.lower(),), file) if group_by else ""
    return Columns(column(names, PATHS, file), column(names, LABELS, file), split, group)


def column(names: Sequence[str], allowed: Sequence[str], file: str) -> str:
    """Return the first of ``names`` that is called as allowed; raises DataError, with what there is, if none is."""
    found = next((name for each in allowed for name in names if name.lower() == each), None)
    if found is None:
        meant = did_you_mean(allowed[0], names) if len(allowed) == 1 else ""
        raise DataError(f"{file!r} has no column {' or '.join(allowed)}; it has: {brief(', '.join(names))}{meant}")
    return found


def row_of(path: str, label: str, split: str = "", group: str = "") -> Row:
    """Return a row with names in the forms in which files and splits have them."""
    where, name = path.replace("\\", "/").removeprefix("./"), split.lower()
    return Row(where, one_form(label), SPLIT_FOLDERS.get(name, name), one_form(group))


def text_of(value: Any) -> str:  # noqa: ANN401 - whatever stands in a table
    """Return a value as text: numbers as they are written, nothing as an empty text."""
    return "" if value is None else str(value).strip()
