"""Splits: no character is on two sides, whatever the seed, and their sizes are those of the papers."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiforge.base.errors import DataError
from phiforge.tasks.datasets.bases import splits
from phiforge.tasks.datasets.bases.dataset import SPLITS, TaskClass

BACKGROUND, CHARACTERS = 964, 1623
NUMBER_OF = {f"Alphabet/character{number}": number for number in range(CHARACTERS)}
ROTATIONS = ("rot000", "rot090", "rot180", "rot270")

SPLITTERS = {
    "half": lambda validation, seed: splits.half(CHARACTERS, validation, seed),
    "random1200": lambda validation, seed: splits.random1200(CHARACTERS, validation, seed),
    "lake": lambda validation, seed: splits.lake(BACKGROUND, CHARACTERS, validation, seed),
}
TRAINING_SIDE = {"half": 811, "random1200": 1200, "lake": BACKGROUND}

seeds = st.integers(min_value=0, max_value=2**64)
each_splitter = pytest.mark.parametrize("name", SPLITTERS)


def vinyals_lists():
    """Every character in order, in four orientations: as many a split as the published lists have."""
    names = iter(NUMBER_OF)
    return {
        split: "\n".join(f"{name}/{rotation}" for name in islice(names, count) for rotation in ROTATIONS)
        for split, count in splits.VINYALS_CHARACTERS.items()
    }


@each_splitter
@given(seed=seeds, data=st.data())
def test_each_character_is_on_one_side(name, seed, data):
    # Given any seed and any number of validation characters that leaves some to train on
    validation = data.draw(st.integers(min_value=1, max_value=TRAINING_SIDE[name] - 1))
    split = SPLITTERS[name](validation, seed)
    # I expect every character exactly once, and as many a split as was asked for.
    assert sorted(each for characters in split.values() for each in characters) == list(range(CHARACTERS))
    assert {split: len(characters) for split, characters in split.items()} == {
        "train": TRAINING_SIDE[name] - validation,
        "validation": validation,
        "test": CHARACTERS - TRAINING_SIDE[name],
    }


@each_splitter
@given(first=seeds, second=seeds)
def test_the_seed_alone_names_a_split(name, first, second):
    # Given two seeds, I expect the same split if, and only if, they are the same.
    assert SPLITTERS[name](100, first) == SPLITTERS[name](100, first)
    assert (SPLITTERS[name](100, first) == SPLITTERS[name](100, second)) == (first == second)


@given(st.integers(min_value=4, max_value=200), seeds)
def test_half_of_any_number(characters, seed):
    # Given any number of characters, if they are split in half, I expect an odd one to be on the test side.
    split = splits.half(characters, 1, seed)
    assert len(split["test"]) - len(split["train"] + split["validation"]) == characters % 2


@given(seeds)
def test_lake_tests_on_the_evaluation_set(seed):
    # Given any seed, I expect the evaluation set, in order, to be the test split.
    assert splits.lake(BACKGROUND, CHARACTERS, 100, seed)["test"] == list(range(BACKGROUND, CHARACTERS))


def test_splits_do_not_share_their_shuffle():
    # Given one seed, I expect each kind of split to shuffle in its own way.
    assert SPLITTERS["half"](100, 0)["validation"] != SPLITTERS["random1200"](100, 0)["validation"]


@each_splitter
@pytest.mark.parametrize("more", [0, 1, 1000])
def test_too_many_validation_characters(name, more):
    # If validation would take all characters of the training side or more
    validation = TRAINING_SIDE[name] + more
    # I expect an error that names the setting, what it is, and how many there are.
    with pytest.raises(DataError, match=rf"data\.validation_characters: {validation}, .* {TRAINING_SIDE[name]} are"):
        SPLITTERS[name](validation, 0)


@each_splitter
def test_rotations_stay_on_their_side(name):
    # Given a split
    split = SPLITTERS[name](100, 0)
    # If its characters are turned
    turned = splits.with_rotations(split, rotations=True)
    # I expect each in its four orientations, on the side it is on, and once.
    assert tuple(turned) == SPLITS
    for side in SPLITS:
        assert len(turned[side]) == 4 * len(split[side])
        assert set(turned[side]) == {TaskClass(each, turn) for each in split[side] for turn in range(4)}


@each_splitter
def test_without_rotations(name):
    # Given a split, if its characters are not turned, I expect each as it is, once.
    split = SPLITTERS[name](100, 0)
    plain = splits.with_rotations(split, rotations=False)
    assert plain == {side: tuple(TaskClass(each, 0) for each in sorted(split[side])) for side in SPLITS}


def test_vinyals():
    # Given lists of the published form
    lists = vinyals_lists()
    # If they are read with and without rotations
    turned = splits.vinyals(lists, NUMBER_OF, rotations=True)
    plain = splits.vinyals(lists, NUMBER_OF, rotations=False)
    # I expect what they say, with the right turns, and without them only what is not turned.
    assert turned["train"][:5] == (*(TaskClass(0, turn) for turn in range(4)), TaskClass(1, 0))
    first = 0
    for split, count in splits.VINYALS_CHARACTERS.items():
        characters = range(first, first + count)
        assert turned[split] == tuple(TaskClass(each, turn) for each in characters for turn in range(4))
        assert plain[split] == tuple(TaskClass(each, 0) for each in characters)
        first += count
    assert first == CHARACTERS


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    "line",
    [
        "Alphabet/character0/rot045",
        "Alphabet/character0/rot90",
        "Alphabet/character0/",
        "Alphabet/character0",
        "Alphabet/character1623/rot000",
        "character0/rot000",
        "rot000",
    ],
)
def test_a_vinyals_line_that_names_no_character(split, line):
    # Given a list with a line that is no character in an orientation
    lists = vinyals_lists()
    lists[split] += f"\n{line}\n"
    # If it is read, with rotations or without, I expect an error that names the list and the line.
    for rotations in (False, True):
        with pytest.raises(DataError, match=f"the {split} list .* names '{line}', which is no Omniglot character"):
            splits.vinyals(lists, NUMBER_OF, rotations=rotations)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("lines", [1, 2, 3, 4])
def test_a_vinyals_list_that_is_cut_short(split, lines):
    # Given a list that lacks its last character, or only some of its orientations
    lists = vinyals_lists()
    lists[split] = "\n".join(lists[split].split()[:-lines])
    # If it is read, I expect an error that says how many characters and lines there are, and should be.
    expected = splits.VINYALS_CHARACTERS[split]
    characters = expected - lines // 4
    counts = f"names {characters} characters, expected {expected}, on {4 * expected - lines} lines"
    with pytest.raises(DataError, match=f"the {split} list .* {counts}"):
        splits.vinyals(lists, NUMBER_OF, rotations=True)


@pytest.mark.parametrize("rotations", [True, False])
def test_a_vinyals_list_that_names_a_class_twice(rotations):
    # Given a list that names a character twice, which could then be two classes of one episode
    lists = vinyals_lists()
    lists["train"] += "\nAlphabet/character0/rot000"
    # If it is read, I expect an error that says that lines are the same.
    lines = splits.VINYALS_CHARACTERS["train"] * (4 if rotations else 1)
    with pytest.raises(DataError, match=f"on {lines + 1} lines, {lines} of them different"):
        splits.vinyals(lists, NUMBER_OF, rotations=rotations)
