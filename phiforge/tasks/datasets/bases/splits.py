"""Which characters are for training, which for choosing φ and which for judging it."""

from collections.abc import Mapping, Sequence

import numpy as np

from phiforge.base.errors import DataError
from phiforge.base.seeds import numpy_generator
from phiforge.tasks.datasets.bases.dataset import SPLITS, TaskClass

Characters = dict[str, list[int]]
"""Source classes by split."""

RANDOM1200 = 1200
VINYALS_CHARACTERS = {"train": 1028, "validation": 172, "test": 423}


def half(characters: int, validation: int, seed: int) -> Characters:
    """Shuffle, split in half into training and testing, and take ``validation`` characters out of the training half."""
    return _cut(_shuffled(range(characters), "half", seed), characters // 2, validation)


def random1200(characters: int, validation: int, seed: int) -> Characters:
    """Shuffle, and train on 1200 characters (Santoro et al. 2016), ``validation`` of them held out."""
    return _cut(_shuffled(range(characters), "random1200", seed), RANDOM1200, validation)


def lake(background: int, characters: int, validation: int, seed: int) -> Characters:
    """Train on the background set, test on the evaluation set (Lake et al. 2015); ``background`` come first."""
    split = _cut(_shuffled(range(background), "lake", seed), background, validation)
    return split | {"test": list(range(background, characters))}


def shares(classes: int, validation: float, test: float, seed: int) -> Characters:
    """Shuffle, give these shares of the classes to validation and testing, at least one each, the rest to training."""
    judged = {name: max(1, round(share * classes)) for name, share in (("validation", validation), ("test", test))}
    training = classes - sum(judged.values())
    if training < 1:
        raise DataError(
            f"{classes} classes cannot be split into {judged['validation']} for validation, {judged['test']} for "
            "testing and one or more for training: allowed are 3 classes or more, smaller data.validation and data.test"
        )
    shuffled = _shuffled(range(classes), "images", seed)
    return _cut(shuffled, training + judged["validation"], judged["validation"])


def shares_of_groups(groups: Sequence[str], validation: float, test: float, seed: int) -> Characters:
    """Shuffle groups, and give whole ones to testing and validation until they have these shares of the classes.

    What comes after always gets a group too, even if a share is missed for that.

    Args:
        groups: the group of each class.
        validation: share of the classes.
        test: as ``validation``.
        seed: names the shuffle.

    Raises DataError unless testing, validation and training get a group each.
    """
    names = list(dict.fromkeys(groups))
    left = [names[number] for number in _shuffled(range(len(names)), "image groups", seed)]
    split: Characters = {}
    for after, (name, share) in zip(
        (2, 1, 0), (("test", test), ("validation", validation), ("train", 1.0)), strict=True
    ):
        taken: list[int] = []
        while len(left) > after and len(taken) < max(1, round(share * len(groups))):
            group = left.pop()
            taken += [number for number, each in enumerate(groups) if each == group]
        split[name] = taken
    if not all(split.values()):
        raise DataError(
            f"{len(names)} groups cannot be split so that none is in two splits: allowed are 3 groups or more, smaller "
            "data.validation and data.test"
        )
    return split


def with_rotations(split: Characters, *, rotations: bool) -> dict[str, tuple[TaskClass, ...]]:
    """Return the task classes of a split: each character as it is, or in its four orientations, all on its side."""
    turns = range(4) if rotations else range(1)
    return {name: tuple(TaskClass(each, turn) for each in sorted(split[name]) for turn in turns) for name in SPLITS}


def vinyals(
    lists: Mapping[str, str], number_of: Mapping[str, int], *, rotations: bool
) -> dict[str, tuple[TaskClass, ...]]:
    """Return the task classes that the published lists name (Vinyals et al. 2016): lines ``Alphabet/character/rotDDD``.

    ``lists`` holds each split's text, ``number_of`` a character's number by name; raises DataError for any other line.
    """
    return {split: _listed(split, lists[split], number_of, rotations=rotations) for split in SPLITS}


def _listed(split: str, text: str, number_of: Mapping[str, int], *, rotations: bool) -> tuple[TaskClass, ...]:
    classes = []
    for line in text.split():
        character, _, rotation = line.rpartition("/")
        if character not in number_of or rotation not in ("rot000", "rot090", "rot180", "rot270"):
            raise DataError(f"the {split} list of the split 'vinyals' names {line!r}, which is no Omniglot character")
        turns = int(rotation.removeprefix("rot")) // 90
        if rotations or turns == 0:
            classes.append(TaskClass(number_of[character], turns))
    found, expected = len({each.source for each in classes}), VINYALS_CHARACTERS[split]
    turns = 4 if rotations else 1
    if found != expected or not len(set(classes)) == len(classes) == turns * expected:
        raise DataError(
            f"the {split} list of the split 'vinyals' names {found} characters, expected {expected}, "
            f"on {len(classes)} lines, {len(set(classes))} of them different, expected {turns} for each character"
        )
    return tuple(classes)


def _shuffled(characters: Sequence[int], name: str, seed: int) -> list[int]:
    return [int(each) for each in numpy_generator("split", name, seed).permutation(np.asarray(characters))]


def _cut(characters: list[int], training: int, validation: int) -> Characters:
    if validation >= training:
        raise DataError(f"data.validation_characters: {validation}, but only {training} are on the training side")
    return {
        "train": characters[validation:training],
        "validation": characters[:validation],
        "test": characters[training:],
    }
