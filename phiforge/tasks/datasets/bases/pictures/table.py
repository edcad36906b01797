"""Which picture is of which class by a table, as people have them: a CSV or JSON beside the pictures."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from phiforge.base.errors import DataError
from phiforge.base.nearest import did_you_mean
from phiforge.tasks.datasets.bases.files import FileTree, Listing
from phiforge.tasks.datasets.bases.files.folder import SPLIT_FOLDERS
from phiforge.tasks.datasets.bases.pictures import formats
from phiforge.tasks.datasets.bases.pictures.json_tables import rows_of_coco, rows_of_lines
from phiforge.tasks.datasets.bases.pictures.layout import Class, Layout, split_problems
from phiforge.tasks.datasets.bases.pictures.rows import Row, columns
from phiforge.tasks.datasets.bases.problems import counted, quoted

Reader = Callable[[str, str, str], list[Row]]


def tabled(tree: FileTree, listing: Listing, file: str, group_by: str = "") -> Layout:
    """Return the classes that a table makes of the pictures of a tree.

    Args:
        tree: where they are.
        listing: its files and folders.
        file: the table, within the tree; paths in it start at its folder. A CSV has a line of names at first, and
            commas, semicolons or tabs between columns; ``.jsonl`` has a JSON object a line; ``.json`` is in COCO's
            form. If it is not there itself, those of that name in folders ``train``, ``val`` and ``test`` are meant.
        group_by: the column of groups, if there is one.

    Raises DataError, with what there is, if the table or one of its columns is not there, or it is no table.
    """
    there = {path for path in listing.files if formats.is_picture(path)}
    found = _Found(there)
    rows = [row for each in _tables(listing, file) for row in _rows_in(tree, listing, each, group_by, found)]
    problems = [*_missing(rows, there), *_contradictions(rows)]
    classes = _classes([row for row in rows if row.path in there])
    return Layout(classes, problems + split_problems(classes), _left_out(rows, there))


def _tables(listing: Listing, file: str) -> list[str]:
    """Return the tables that are meant: one, or one for each folder of a split."""
    if file in listing.files:
        return [file]
    return sorted(path for path in listing.files if _split_of(path) and path.partition("/")[2] == file) or [file]


def _split_of(path: str) -> str:
    """Return the split of which a table's folder is; nothing if it is of none."""
    folder, _, name = path.rpartition("/")
    return SPLIT_FOLDERS.get(folder.lower(), "") if name else ""


def _rows_in(tree: FileTree, listing: Listing, file: str, group_by: str, found: "_Found") -> list[Row]:
    """Return the rows of one table, with paths that start where the tree does."""
    folder, read = file.rpartition("/")[0], _READERS.get(PurePosixPath(file).suffix.lower(), _rows_of_csv)
    of_folder = _split_of(file)
    rows = [row._replace(split=row.split or of_folder) for row in read(_text(tree, listing, file), file, group_by)]
    paths = [f"{folder}/{row.path}" if folder else row.path for row in rows]
    if _READERS.get(PurePosixPath(file).suffix.lower()) is rows_of_coco:
        paths = [found.meant(path, row.path) for path, row in zip(paths, rows, strict=True)]
    return [row._replace(path=path) for path, row in zip(paths, rows, strict=True)]


class _Found:
    """Which pictures there are, also by the end of their path: COCO keeps tables and pictures in different folders.

    Args:
        there: the paths of all pictures.
    """

    def __init__(self, there: set[str]) -> None:
        self._there = there
        self._by_name: dict[str, list[str]] = {}
        for path in sorted(there):
            self._by_name.setdefault(path.rpartition("/")[2], []).append(path)

    def meant(self, path: str, said: str) -> str:
        """Return ``path``, or, if it is not there, the only picture whose path ends as the table said."""
        if path in self._there:
            return path
        ends = [each for each in self._by_name.get(said.rpartition("/")[2], ()) if f"/{each}".endswith(f"/{said}")]
        return ends[0] if len(ends) == 1 else path


def _text(tree: FileTree, listing: Listing, file: str) -> str:
    tables = [path for path in listing.files if path.lower().endswith((".csv", ".tsv", *_READERS))]
    if file not in listing.files:
        there = f"there are: {quoted(tables)}" if tables else "there is no table"
        raise DataError(f"{tree.place} has no {file[:200]!r}; {there}{did_you_mean(file, tables)}")
    [(_, data)] = tree.contents([file])
    if isinstance(data, DataError):
        raise data
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{file!r} in {tree.place} is no text in UTF-8: save it so") from None


def _rows_of_csv(text: str, file: str, group_by: str) -> list[Row]:
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=max(",;\t", key=first.count), strict=True)
    names = [name.strip() for name in reader.fieldnames or []]
    reader.fieldnames = names
    found = columns(names, file, group_by)
    try:
        return [found.row(line) for line in reader if line[found.path]]
    except csv.Error as error:
        raise DataError(f"{file!r} is no table, at line {reader.line_num}: {error}") from None


_READERS: dict[str, Reader] = {".jsonl": rows_of_lines, ".json": rows_of_coco}
"""By the end of a table's name; any other is a CSV."""


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
