"""Which pictures are kept, and all that is wrong with the others at once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from phiforge.tasks.datasets.bases.pictures.layout import Class
from phiforge.tasks.datasets.bases.pictures.reading import Reading
from phiforge.tasks.datasets.bases.problems import brief, counted, listed, quoted

FEWEST = 2
"""Pictures of a class: one to learn from, one to be asked."""
_MOST_OF_A_GROUP = 4


class Judged(NamedTuple):
    """What is wrong, what is said of pictures that were left out, and the pictures that are kept, class by class."""

    problems: list[str]
    remarks: list[str]
    kept: list[list[str]]


def judge(classes: Sequence[Class], reading: Reading, *, skip: bool, keep_first: bool) -> Judged:
    """Return which pictures are kept.

    Args:
        classes: all pictures.
        reading: what was found in them.
        skip: leave out what cannot be read, rather than refuse it.
        keep_first: leave out all but the first of the same pictures, rather than refuse them.
    """
    groups = same_pixels(classes, reading)
    gone = {*reading.unreadable, *(path for group in groups for path in group[1:])}
    kept = [[path for path in each.pictures if path not in gone] for each in classes]
    problems = [] if skip or not reading.unreadable else [_unreadable(reading)]
    problems += [] if keep_first or not groups else [_same(groups, classes)]
    few = [(each, len(paths)) for each, paths in zip(classes, kept, strict=True) if len(paths) < FEWEST]
    problems += [_too_few(few)] if few else []
    return Judged(problems, _remarks(reading, groups), kept)


def flat(paths: Sequence[str], images: NDArray[np.uint8]) -> list[str]:
    """Return a warning of the pictures all of whose pixels are equal once they are small, if there are any.

    Args:
        paths: of the pictures.
        images: uint8 [pictures, channels, side, side].
    """
    blank = [path for path, image in zip(paths, images, strict=True) if (image == image[:, :1, :1]).all()]
    if not blank:
        return []
    many = counted(len(blank), "picture is", "pictures are")
    return [f"{many} of one colour all over once small, so that nothing can be told from it: {quoted(blank)}"]


def same_pixels(classes: Sequence[Class], reading: Reading) -> list[list[str]]:
    """Return the pictures that have the same pixels, whatever they were saved as, in the order of classes."""
    places: dict[bytes, list[str]] = {}
    for each in classes:
        for path in each.pictures:
            if path in reading.seen:
                places.setdefault(reading.seen[path], []).append(path)
    return [paths for paths in places.values() if len(paths) > 1]


def _unreadable(reading: Reading) -> str:
    reasons = [brief(reading.unreadable[path], 500) for path in sorted(reading.unreadable)]
    many = counted(len(reasons), "picture", "pictures")
    return f"{many} cannot be read: {listed(reasons, '; ')}. Mend or delete them, or leave them out: --skip-unreadable"


def _same(groups: Sequence[Sequence[str]], classes: Sequence[Class]) -> str:
    label = {path: each.label for each in classes for path in each.pictures}
    named = [_group(group, sorted({label[path] for path in group})) for group in groups]
    return (
        f"{counted(len(groups), 'picture stands', 'pictures stand')} in several places ({sum(map(len, groups))} files) "
        f"and could be learned from and asked for at once: {listed(named, '; ')}. Delete all but one of each, or keep "
        "the first: --keep-first-of-duplicates"
    )


def _group(paths: Sequence[str], labels: Sequence[str]) -> str:
    shown = " = ".join(brief(repr(path)) for path in paths[:_MOST_OF_A_GROUP])
    more = f" and {len(paths) - _MOST_OF_A_GROUP} more" if len(paths) > _MOST_OF_A_GROUP else ""
    return f"{shown}{more} ({'class' if len(labels) == 1 else 'classes'} {quoted(labels)})"


def _too_few(few: Sequence[tuple[Class, int]]) -> str:
    named = [f"{each.label!r} ({number})" for each, number in few]
    many = counted(len(few), "class has", "classes have")
    return (
        f"{many} fewer than {FEWEST} pictures that can be read and differ, one to learn from and one to be asked for: "
        f"{listed(named)}; add pictures or delete these folders"
    )


def _remarks(reading: Reading, groups: Sequence[Sequence[str]]) -> list[str]:
    again = [path for group in groups for path in group[1:]]
    kinds = [
        (counted(len(reading.unreadable), "unreadable picture", "unreadable pictures"), sorted(reading.unreadable)),
        (counted(len(again), "picture that stands", "pictures that stand") + " elsewhere", again),
    ]
    return [f"left out {what}: {quoted(paths)}" for what, paths in kinds if paths]
