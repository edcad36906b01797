"""Which keys object storage takes."""

import pytest

from phiforge.base.errors import StoreError
from phiforge.runs.store.keys import check_key, check_prefix

LONGEST_PART = "x" * 255

GOOD_KEYS = ["a", "a/b", "A-1_2=3.json", "runs/x/checkpoints/00000001.safetensors", "a..b", f"{LONGEST_PART}/y"]
BAD_KEYS = [
    "", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/..", ".hidden", "a/.b",
    "a b", "a\\b", "a\n", "a\0", "é", "a~", "a:b", "a%2e", LONGEST_PART + "x", "a/" * 600 + "a",
]  # fmt: skip


@pytest.mark.parametrize("key", GOOD_KEYS)
def test_good_key(key: str) -> None:
    # Given a key of allowed parts, I expect no complaint, of it or of any prefix.
    check_key(key)
    for length in range(len(key)):
        check_prefix(key[:length])


@pytest.mark.parametrize("key", BAD_KEYS)
def test_bad_key(key: str) -> None:
    # Given something that is no key, I expect an error that shows it.
    with pytest.raises(StoreError) as error:
        check_key(key)
    assert repr(key) in str(error.value)


@pytest.mark.parametrize("prefix", ["/", "/a", "a//", "../", "a/../", "a b", "~writing/"])
def test_bad_prefix(prefix: str) -> None:
    # Given a prefix that no key can start with, I expect an error rather than an empty list.
    with pytest.raises(StoreError):
        check_prefix(prefix)
