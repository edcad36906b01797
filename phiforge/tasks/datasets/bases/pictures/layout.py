"""Which folders are classes, and which are around them: read off the paths of all pictures together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from phiforge.tasks.datasets.bases.files import Listing
from phiforge.tasks.datasets.bases.files.folder import SPLIT_FOLDERS
from phiforge.tasks.datasets.bases.files.names import one_form
from phiforge.tasks.datasets.bases.pictures import formats
from phiforge.tasks.datasets.bases.pictures.leftout import left_out
from phiforge.tasks.datasets.bases.problems import counted, quoted

_ALLOWED = "allowed are CLASS/PICTURE, or train, val and test of such classes, and folders around all of it"


@dataclass
class Class:
    """One class: its name, the split and the group that its folders say, if any, and its pictures in order.

    A group, such as an alphabet, a writer or a shop, falls into one split with all its classes.
    """

    name: str
    split: str
    pictures: list[str] = field(default_factory=list)
    group: str = ""

    @property
    def label(self) -> str:
        """Its name, after that of its split, if a folder says one."""
        return f"{self.split}/{self.name}" if self.split else self.name


@dataclass
class Layout:
    """The classes of a tree in order of name, what is wrong with where its pictures lie, and what is said of it."""

    classes: list[Class]
    problems: list[str]
    remarks: list[str]

    @property
    def splits(self) -> dict[str, list[int]]:
        """The numbers of the classes of each split that folders say; nothing if they say none."""
        found: dict[str, list[int]] = {}
        for number, each in enumerate(self.classes):
            if each.split:
                found.setdefault(each.split, []).append(number)
        return found

    @property
    def count(self) -> int:
        """How many pictures there are."""
        return sum(len(each.pictures) for each in self.classes)


def layout(listing: Listing, group_level: int = 0) -> Layout:
    """Return the classes that the paths of a tree make.

    Args:
        listing: its files and folders.
        group_level: how far above the folder of a class that of its group is; 0: there are no groups.
    """
    pictures = sorted(path.split("/") for path in listing.files if formats.is_picture(path))
    usual = _usual_depth(pictures)
    if group_level:
        return _grouped(listing, pictures, usual, group_level)
    inside = [parts for parts in pictures if len(parts) == usual]
    around = _around(inside, usual)
    by_split = usual - around == 3 and all(parts[around].lower() in SPLIT_FOLDERS for parts in inside)
    if usual - around != 2 and not by_split:
        return Layout([], [_stray(pictures)], left_out(listing))
    problems = [_stray(stray)] if (stray := [parts for parts in pictures if len(parts) != usual]) else []
    classes, remarks = _classes(inside, by_split=by_split)
    return Layout(classes, problems + split_problems(classes), left_out(listing) + remarks)


def _grouped(listing: Listing, pictures: Sequence[list[str]], usual: int, level: int) -> Layout:
    """Return the classes of groups; a class is called after all folders from its group's to its own."""
    if usual < level + 2:
        wrong = f"pictures lie in {usual - 1} folders, but data.group_by {level} needs {level + 1}: GROUP/CLASS/PICTURE"
        return Layout([], [wrong], left_out(listing))
    classes: dict[str, Class] = {}
    for parts in (parts for parts in pictures if len(parts) == usual):
        name = one_form("/".join(parts[-2 - level : -1]))
        group = one_form(parts[-2 - level])
        classes.setdefault(name, Class(name, "", group=group)).pictures.append("/".join(parts))
    stray = [parts for parts in pictures if len(parts) != usual]
    return Layout(list(classes.values()), [_stray(stray)] if stray else [], left_out(listing))


def _usual_depth(pictures: Sequence[Sequence[str]]) -> int:
    """Return how many parts most paths have; a picture of a class has two or more."""
    depths = Counter(len(parts) for parts in pictures)
    return max(2, max(depths, key=lambda depth: (depths[depth], -depth), default=2))


def _around(pictures: Sequence[Sequence[str]], depth: int) -> int:
    """Return how many folders lie around all classes."""
    shared = [level for level in range(depth - 2) if len({parts[level] for parts in pictures}) == 1]
    return next((level for level in range(depth - 2) if level not in shared), depth - 2)


def _stray(pictures: Sequence[Sequence[str]]) -> str:
    paths = ["/".join(parts) for parts in pictures]
    return (
        f"{counted(len(paths), 'picture is', 'pictures are')} not in the folder of a class: {quoted(paths)}; {_ALLOWED}"
    )


def _classes(pictures: Sequence[Sequence[str]], *, by_split: bool) -> tuple[list[Class], list[str]]:
    """Return the classes, and what is to be said of those whose name is written in two forms."""
    classes: dict[tuple[str, str], Class] = {}
    forms: dict[tuple[str, str], set[str]] = {}
    for parts in pictures:
        split = SPLIT_FOLDERS[parts[-3].lower()] if by_split else ""
        key = (split, one_form(parts[-2]))
        classes.setdefault(key, Class(parts[-2], split)).pictures.append("/".join(parts))
        forms.setdefault(key, set()).add(parts[-2])
    twofold = [key for key, names in forms.items() if len(names) > 1]
    for key in twofold:
        classes[key].name = key[1]
    return list(classes.values()), [_merged(twofold)] if twofold else []


def _merged(keys: Sequence[tuple[str, str]]) -> str:
    names = [name for _, name in keys]
    many = counted(len(names), "class is", "classes are")
    return f"{many} named in two Unicode forms, and taken as one: {quoted(names)}"


def split_problems(classes: Sequence[Class]) -> list[str]:
    """Return what is wrong with splits that folders say: one is missing, or a class is in two."""
    splits: dict[str, set[str]] = {}
    for each in classes:
        splits.setdefault(each.name, set()).add(each.split)
    said = {each.split for each in classes} - {""}
    missing = [split for split in ("train", "validation", "test") if said and split not in said]
    shared = [name for name, of in splits.items() if len(of) > 1]
    problems = [f"it has folders of splits, but none for {', '.join(missing)}"] if missing else []
    return problems + [_shared(shared)] * bool(shared)


def _shared(names: Sequence[str]) -> str:
    many = counted(len(names), "class is", "classes are")
    return (
        f"{many} in more than one split: {quoted(names)}; learning is judged on classes that it never saw: move each "
        "to one split, or give one folder of all classes"
    )
