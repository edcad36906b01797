"""An entry's name says all of it, and sorts as it is served."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiforge.base.errors import QueueError
from phiforge.runs.store.keys import check_key
from phiforge.runs.waiting.entry import Entry
from phiforge.runs.waiting.line import Waiting, Where
from phiforge.runs.waiting.wish import HIGHEST, LONGEST_LABELS, LOWEST, Wish, read_labels

NAMES = st.text(string.ascii_lowercase + string.digits + "-_", min_size=1, max_size=8).map(lambda name: f"n{name}")
VALUES = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=8)
LABELS = st.dictionaries(NAMES, VALUES, max_size=4).map(lambda labels: tuple(sorted(labels.items())))
RUNS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,99}", fullmatch=True)
ENTRIES = st.builds(
    Entry,
    priority=st.integers(LOWEST, HIGHEST),
    place=st.integers(0, 10**12 - 1),
    run=RUNS,
    created_ms=st.integers(0, 10**13),
    versions=st.integers(0, 10**6),
    tasks=st.integers(1, 10**6),
    labels=LABELS,
)


@given(ENTRIES)
def test_a_name_says_all(entry):
    # Given any entry, I expect its name to be read back as it was, and to be a key wherever it lies.
    assert Entry.parse(entry.name) == entry
    for where, behind in ((Where.READY, ""), (Where.HELD, ""), (Where.AFTER, "a" * 100)):
        check_key(Waiting(entry, where, behind).key)


@given(st.lists(ENTRIES, max_size=5))
def test_names_sort_as_entries_are_served(entries):
    # Given entries, I expect them to sort by name as by priority, the highest first, and then by place.
    by_name = sorted(entries, key=lambda entry: entry.name)
    assert [(-entry.priority, entry.place) for entry in by_name] == sorted(
        (-entry.priority, entry.place) for entry in entries
    )


@pytest.mark.parametrize("name", ["", "a", "0.0.run", "x.0.run.0.1x1.-", "0.0.run.0.1.-", "0.0.run.0.1x1.a=b=c"])
def test_what_is_no_entry_is_none(name):
    assert Entry.parse(name) is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["exp"], "'exp' is no label; a label is NAME=VALUE such as exp=a"),
        (["=a"], "is no label"),
        (["exp="], "is no label"),
        (["Exp=a"], "is no label"),
        (["exp=a b"], "is no label"),
        (["exp=a.b"], "is no label"),
        (["exp=a", "exp=b"], "the label 'exp' is given as 'a' and as 'b'; allowed: one value"),
        (["exp=" + "a" * LONGEST_LABELS], f"the labels have 104 letters together; allowed: {LONGEST_LABELS}"),
    ],
)
def test_labels_that_are_none(given, expected):
    with pytest.raises(QueueError, match=expected):
        read_labels(given)


def test_labels_in_order_of_name():
    assert read_labels(["user=b-2", "exp=A_1", "exp=A_1"]) == (("exp", "A_1"), ("user", "b-2"))


def test_a_wish_is_recorded_if_it_asks_for_something():
    # Given a wish, I expect what it asks for to be recorded, what it does not ask for not to be, nor that it is held;
    assert Wish(hold=True).to_json() == {}
    wish = Wish(3, (("exp", "a"),), ("one", "two"), hold=True)
    assert wish.to_json() == {"priority": 3, "labels": {"exp": "a"}, "after": ["one", "two"]}
    # and that to be read back.
    assert Wish.from_json(wish.to_json()) == wish._replace(hold=False)
    assert Wish.from_json({}) == Wish()
