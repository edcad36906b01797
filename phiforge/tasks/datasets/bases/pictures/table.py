"""Which picture is of which class by a table, as people have them: a CSV of paths and labels beside the pictures."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from phiforge.base.errors import DataError
from phiforge.base.nearest import did_you_mean
from phiforge.tasks.datasets.bases.files import FileTree, Listing
from phiforge.tasks.datasets.bases.files.folder import SPLIT_FOLDERS
from phiforge.tasks.datasets.bases.files.names import one_form
from phiforge.tasks.datasets.bases.pictures import formats
from phiforge.tasks.datasets.bases.pictures.layout import Class, Layout, split_problems
from phiforge.tasks.datasets.bases.problems import brief, counted, quoted

PATHS = ("path", "file_name", "filename", "file", "image")
LABELS = ("label", "class", "category", "target")
SPLITS = ("split", "subset")
"""What people call the columns of paths, of classes and, if there is one, of splits; the first that is there counts."""


class Row(NamedTuple):
    """What a table says of one picture; ``split`` and ``group`` are empty if it says none."""

    path: str
    label: str
    split: str
    group: str


def tabled(tree: FileTree, listing: Listing, file: str, group_by: str = "") -> Layout:
    """Return the classes that a table makes of the pictures of a tree.

    Args:
        tree: where they are.
        listing: its files and folders.
        file: the table, within the tree; paths in it start at its folder. It has a line of names at first, and commas,
            semicolons or tabs between columns.
        group_by: the column of groups, if there is one.

    Raises DataError, with what there is, if the table or one of its columns is not there, or it is no table.
    """
    folder = file.rpartition("/")[0]
    rows = _rows(_text(tree, listing, file), file, group_by)
    rows = [row._replace(path=f"{folder}/{row.path}" if folder else row.path) for row in rows]
    there = {path for path in listing.files if formats.is_picture(path)}
    problems = [*_missing(rows, there), *_contradictions(rows)]
    classes = _classes([row for row in rows if row.path in there])
    return Layout(classes, problems + split_problems(classes), _left_out(rows, there))


def _text(tree: FileTree, listing: Listing, file: str) -> str:
    tables = [path for path in listing.files if path.lower().endswith((".csv", ".tsv"))]
    if file not in listing.files:
        there = f"there are: {quoted(tables)}" if tables else "there is no CSV at all"
        raise DataError(f"{tree.place} has no {file[:200]!r}; {there}{did_you_mean(file, tables)}")
    [(_, data)] = tree.contents([file])
    if isinstance(data, DataError):
        raise data
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{file!r} in {tree.place} is no text in UTF-8: save it so") from None


def _rows(text: str, file: str, group_by: str) -> list[Row]:
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=max(",;\t", key=first.count), strict=True)
    names = [name.strip() for name in reader.fieldnames or []]
    reader.fieldnames = names
    path, label = _column(names, PATHS, file), _column(names, LABELS, file)
    split = next((name for name in names if name.lower() in SPLITS), "")
    group = _column(names, (group_by.lower(),), file) if group_by else ""
    try:
        return [_row(line, path, label, split, group) for line in reader if line[path]]
    except csv.Error as error:
        raise DataError(f"{file!r} is no table, at line {reader.line_num}: {error}") from None


def _row(line: Mapping[str, str | None], path: str, label: str, split: str, group: str) -> Row:
    said = {name: (line.get(name) or "").strip() for name in (path, label, split, group)}
    name = said[split].lower() if split else ""
    where = said[path].replace("\\", "/").removeprefix("./")
    return Row(where, one_form(said[label]), SPLIT_FOLDERS.get(name, name), one_form(said[group]) if group else "")


def _column(names: Sequence[str], allowed: Sequence[str], file: str) -> str:
    found = next((name for each in allowed for name in names if name.lower() == each), None)
    if found is None:
        meant = did_you_mean(allowed[0], names) if len(allowed) == 1 else ""
        raise DataError(f"{file!r} has no column {' or '.join(allowed)}; it has: {brief(', '.join(names))}{meant}")
    return found


def _classes(rows: Sequence[Row]) -> list[Class]:
    classes: dict[tuple[str, str], Class] = {}
    seen: set[str] = set()
    for row in sorted(rows, key=lambda row: (row.split, row.label, row.path)):
        if row.label and row.path not in seen:
            seen.add(row.path)
            classes.setdefault((row.split, row.label), Class(row.label, row.split)).pictures.append(row.path)
            classes[row.split, row.label].group = row.group
    return list(classes.values())


def _missing(rows: Sequence[Row], there: set[str]) -> list[str]:
    gone = sorted({row.path for row in rows} - there)
    bare = sorted({row.path for row in rows if not row.label})
    wrong = sorted({row.split for row in rows} - {*SPLIT_FOLDERS.values(), ""})
    problems = [f"{counted(len(gone), 'picture', 'pictures')} of the table not there: {quoted(gone)}"] if gone else []
    problems += [f"{counted(len(bare), 'picture has', 'pictures have')} no label: {quoted(bare)}"] if bare else []
    return problems + ([f"there is no split {quoted(wrong)}; allowed: {', '.join(SPLIT_FOLDERS)}"] if wrong else [])


def _contradictions(rows: Sequence[Row]) -> list[str]:
    """Return which pictures are of two classes, and which classes are of two groups."""
    of_path: dict[str, set[str]] = {}
    of_class: dict[str, set[str]] = {}
    for row in rows:
        of_path.setdefault(row.path, set()).add(row.label)
        of_class.setdefault(row.label, set()).add(row.group)
    twice = sorted(path for path, labels in of_path.items() if len(labels) > 1)
    torn = sorted(label for label, groups in of_class.items() if len(groups) > 1)
    problems = (
        [f"{counted(len(twice), 'picture has', 'pictures have')} several labels: {quoted(twice)}"] if twice else []
    )
    many = counted(len(torn), "class is", "classes are")
    why = "a class falls into one split, so its pictures must be of one group"
    return problems + ([f"{many} of several groups: {quoted(torn)}; {why}"] if torn else [])


def _left_out(rows: Sequence[Row], there: set[str]) -> list[str]:
    others = sorted(there - {row.path for row in rows})
    many = counted(len(others), "picture", "pictures")
    return [f"left out {many} that the table does not name: {quoted(others)}"] if others else []
