"""Which keys every backend takes: the ones that mean the same in a bucket and in a folder."""

import re

from phiforge.base.errors import StoreError

_PART = r"[a-zA-Z0-9_=-][a-zA-Z0-9._=-]{0,254}"
_KEY = re.compile(rf"{_PART}(/{_PART})*")
_LONGEST_KEY = 1024
"""S3's own limit; a part's 255 is the file system's."""


def is_name(name: str) -> bool:
    """Say whether ``name`` can be one part of a key."""
    return re.fullmatch(_PART, name) is not None


def check_key(key: str) -> None:
    """Raise StoreError unless ``key`` is a key."""
    if len(key) > _LONGEST_KEY or not _KEY.fullmatch(key):
        raise StoreError(
            f"{key!r} is not a key of object storage: a key is at most {_LONGEST_KEY} characters, parts of at most 255 "
            "joined by '/', each of letters, digits and '_=-.', none empty, none starting with '.'"
        )


def check_prefix(prefix: str) -> None:
    """Raise StoreError unless some key could start with ``prefix``."""
    if prefix and not prefix.endswith("/"):
        check_key(prefix)
    elif prefix:
        check_key(prefix[:-1])
