"""What is special about object storage in a folder."""

import multiprocessing
import os
import threading
import time
from pathlib import Path

import pytest

from phiforge.base.errors import StoreError
from phiforge.runs.store import LocalStore

VALUES = (b"a" * 200_000, b"b" * 300_000)


def _write_for_ever(root: Path) -> None:
    store = LocalStore(root)
    while True:
        for value in VALUES:
            store.put("contested", value)


def test_readers_see_whole_values_of_a_killed_writer(tmp_path: Path) -> None:
    # Given a value
    store = LocalStore(tmp_path)
    store.put("contested", VALUES[0])
    # If another process keeps writing it until it is killed by -9
    writer = multiprocessing.get_context("spawn").Process(target=_write_for_ever, args=(tmp_path,))
    writer.start()
    seen: set[bytes] = set()
    deadline = time.monotonic() + 30
    while len(seen) < len(VALUES) and time.monotonic() < deadline:
        seen.add(store.get("contested"))
    writer.kill()
    writer.join()
    writer.close()
    # I expect to have read whole values only, also at the end, and nothing half written to be listed.
    assert seen == set(VALUES)
    assert store.get("contested") in VALUES
    assert list(store.list("")) == ["contested"]


def test_what_killed_writers_left_is_swept_an_hour_later(tmp_path: Path) -> None:
    # Given two values written aside by processes that were killed, one long ago and one just now
    LocalStore(tmp_path)
    (folder,) = tmp_path.iterdir()
    old, new = folder / "old", folder / "new"
    for path in (old, new):
        path.write_bytes(b"half a val")
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    # If the store is opened again
    store = LocalStore(tmp_path)
    # I expect the old one gone, the new one left, for its writer may live, and neither listed.
    assert not old.exists()
    assert new.exists()
    assert list(store.list("")) == []


def test_files_that_are_no_objects_are_not_listed(tmp_path: Path) -> None:
    # Given a store in a folder where others leave files
    store = LocalStore(tmp_path)
    store.put("a/b", b"")
    for name in (".DS_Store", "a/b~", "a/with space"):
        (tmp_path / name).write_bytes(b"")
    # I expect only objects.
    assert list(store.list("")) == ["a/b"]


@pytest.mark.parametrize("key", ["a", "a/b/c"])
def test_a_key_is_not_also_a_folder(tmp_path: Path, key: str) -> None:
    # Given a key in a folder
    store = LocalStore(tmp_path)
    store.put("a/b", b"1")
    # If a key is written that is that folder, or that lies below that key
    for write in (store.put, store.put_if_absent):
        # I expect an error that names it.
        with pytest.raises(StoreError, match=f"cannot write '{key}'"):
            write(key, b"2")
    # and nothing changed.
    assert not store.exists(key)
    assert store.get("a/b") == b"1"


def test_a_deleted_key_leaves_no_empty_folder(tmp_path: Path) -> None:
    # Given two keys in a folder of a folder
    store = LocalStore(tmp_path)
    for name in ("b", "c"):
        store.put(f"x/a/{name}", b"")
    # If they are deleted, I expect the folders to stay with the first and to go with the last.
    store.delete("x/a/b")
    assert store.exists("x/a/c")
    store.delete("x/a/c")
    assert not (tmp_path / "x").exists()


def test_keys_are_written_while_their_folder_is_deleted(tmp_path: Path) -> None:
    # Given a thread that keeps making a folder empty
    store, stop = LocalStore(tmp_path), threading.Event()

    def empty() -> None:
        while not stop.is_set():
            store.put("a/b/c", b"")
            store.delete("a/b/c")

    emptying = threading.Thread(target=empty)
    emptying.start()
    try:
        # If keys are written into it and deleted again, I expect each to be there.
        for number in range(300):
            key = f"a/b/{number}"
            assert store.put_if_absent(key, b"1")
            store.put(key, b"2")
            assert store.get(key) == b"2"
            store.delete(key)
    finally:
        stop.set()
        emptying.join()


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    # Given a file
    file = tmp_path / "file"
    file.write_bytes(b"")
    # If it is opened as a store, I expect an error that names it.
    with pytest.raises(StoreError, match=str(file)):
        LocalStore(file)


def test_url_names_the_folder(tmp_path: Path) -> None:
    # Given a folder with a name that needs quoting elsewhere, I expect it as it is.
    folder = tmp_path / "a b%20#c"
    assert LocalStore(folder).url == f"file://{folder}"


def test_a_store_that_is_only_looked_at_is_not_made(tmp_path: Path) -> None:
    # Given a folder that is not there, if a store is opened on it to look, I expect it empty and nothing to be made;
    store = LocalStore(tmp_path / "home" / "store", make=False)
    assert list(store.list("")) == []
    assert not store.exists("a/b")
    assert list(tmp_path.iterdir()) == []
    # the first value to make it; and a file in its place to be told.
    store.put("a/b", b"value")
    assert store.get("a/b") == b"value"
    with pytest.raises(StoreError, match="Not a directory"):
        LocalStore(tmp_path / "home" / "store" / "a" / "b", make=False)
