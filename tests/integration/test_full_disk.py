"""A folder as store on a disk that is really full: a small file system in memory, where this user may mount one."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from phiforge.base.errors import StoreError
from phiforge.runs.store import LocalStore

PAGE = 4096


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of sixteen pages."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={16 * PAGE}", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount a file system; tests/chaos lets the kernel refuse writes without it")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_value_is_written_whole_or_not_at_all(small_disk: Path) -> None:
    # Given a store with little room left
    store = LocalStore(small_disk)
    store.put("kept", b"k" * 8 * PAGE)
    # If a value does not fit, as new or in another's place
    for key in ("new", "kept"):
        with pytest.raises(StoreError, match="free space"):
            store.put(key, b"n" * 12 * PAGE)
    with pytest.raises(StoreError, match="free space"):
        store.put_if_absent("new", b"n" * 12 * PAGE)
    # I expect nothing of it to be seen or to take room,
    assert list(store.list("")) == ["kept"]
    assert store.get("kept") == b"k" * 8 * PAGE
    # and what fits to be written once there is room again.
    store.delete("kept")
    store.put("new", b"n" * 12 * PAGE)
    assert store.get("new") == b"n" * 12 * PAGE
