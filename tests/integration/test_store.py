"""What every object store promises: one suite, run on a folder and on a real S3 server."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phiforge.base.errors import MissingObjectError, StoreError
from phiforge.runs.store import Store

pytestmark = pytest.mark.services

on_a_shared_store = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])

words = st.text("abcXYZ019_=-.", min_size=1, max_size=12).map(lambda text: "w" + text)
folders = st.lists(words.map(lambda word: word + "-folder"), max_size=3)
keys = st.builds(lambda parts, word: "/".join([*parts, word + ".object"]), folders, words)
"""No key that is also another's folder."""


def fresh_folder() -> str:
    """Return a folder that no other example writes to."""
    return f"examples/{uuid.uuid4().hex}/"


@on_a_shared_store
@given(key=keys, first=st.binary(max_size=4096), second=st.binary(max_size=4096))
def test_a_value_comes_back_whole_and_can_be_replaced(store: Store, key: str, first: bytes, second: bytes) -> None:
    # Given a key that is not there
    key = fresh_folder() + key
    assert not store.exists(key)
    for value in (first, second):
        # If a value is put
        store.put(key, value)
        # I expect that very value.
        assert store.exists(key)
        assert store.get(key) == value


@on_a_shared_store
@given(st.data())
def test_list_is_in_order_of_whole_keys(store: Store, data: st.DataObject) -> None:
    # Given any keys
    folder = fresh_folder()
    there = data.draw(st.lists(keys, min_size=1, max_size=8, unique=True))
    for key in there:
        store.put(folder + key, b"")
    # If those with a prefix are listed, be it a folder, a part of a name, a key or nobody's prefix
    chosen = data.draw(st.sampled_from(there))
    prefix = data.draw(st.sampled_from(range(len(chosen) + 1)).map(lambda length: chosen[:length]) | words)
    # I expect just them, sorted as strings.
    assert list(store.list(folder + prefix)) == sorted(folder + key for key in there if key.startswith(prefix))


def test_list_sorts_a_folder_among_names(store: Store) -> None:
    # Given names that sort before and after the slash of a folder
    for key in ("a/b", "a-b", "a.b", "a0", "a=b", "A", "aa/b"):
        store.put(key, b"")
    # I expect the order of whole keys, in which '-' and '.' come before '/' and the others after.
    assert list(store.list("")) == ["A", "a-b", "a.b", "a/b", "a0", "a=b", "aa/b"]


def test_list_of_many(store: Store) -> None:
    # Given more keys than an S3 server lists in one answer
    there = [f"many/{number:05d}" for number in range(1100)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: store.put(key, b""), there))
    # I expect all.
    assert list(store.list("many/")) == there


def test_missing_objects(store: Store) -> None:
    # Given a store with one object
    store.put("a/b", b"1")
    # If another is asked for, be it a folder of the first or below it
    for key in ("c", "a", "a/c", "a/b/c"):
        # I expect an error that names it,
        with pytest.raises(MissingObjectError, match=f"'{key}'"):
            store.get(key)
        assert not store.exists(key)
        # and to delete it is no error.
        store.delete(key)
    assert list(store.list("c")) == []
    assert store.get("a/b") == b"1"


def test_delete(store: Store) -> None:
    # Given an object
    store.put("a/b", b"1")
    # If it is deleted twice
    store.delete("a/b")
    store.delete("a/b")
    # I expect it gone, and its place free.
    assert not store.exists("a/b")
    assert list(store.list("")) == []
    assert store.put_if_absent("a/b", b"2")


def test_put_if_absent_keeps_the_first(store: Store) -> None:
    # Given a key written once, even with nothing in it
    assert store.put_if_absent("once", b"")
    # If it is written again
    assert not store.put_if_absent("once", b"second")
    # I expect the first value.
    assert store.get("once") == b""


def test_one_of_many_writers_wins(store: Store) -> None:
    # Given eight writers
    writers = 8
    barrier = threading.Barrier(writers)

    def write(key: str, writer: int) -> bool:
        barrier.wait()
        return store.put_if_absent(key, str(writer).encode() * 1000)

    with ThreadPoolExecutor(writers) as pool:
        for attempt in range(5):
            # If all write a key at once
            key = f"race/{attempt}"
            won = list(pool.map(write, [key] * writers, range(writers)))
            # I expect one to be told that it did, and its value to be there.
            assert won.count(True) == 1
            assert store.get(key) == str(won.index(True)).encode() * 1000


def test_a_large_value(store: Store) -> None:
    # Given a value larger than the parts that S3 clients cut values into, I expect it back.
    value = bytes(range(256)) * (11 * 2**12)
    store.put("large", value)
    assert store.get("large") == value


@pytest.mark.parametrize("key", ["", "/a", "../a", "a/../b", "a//b", "a b"])
def test_bad_keys(store: Store, key: str) -> None:
    # Given something that is no key
    calls = (
        store.get,
        store.exists,
        store.delete,
        lambda key: store.put(key, b""),
        lambda key: store.put_if_absent(key, b""),
    )
    for call in calls:
        # I expect every call to refuse it.
        with pytest.raises(StoreError, match="is not a key"):
            call(key)
    if key:
        with pytest.raises(StoreError, match="is not a key"):
            store.list(key)
