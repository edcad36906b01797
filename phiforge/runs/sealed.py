"""JSON objects in object storage that say by a digest of their own whether they are whole, and in their place."""

import json
from collections.abc import Mapping
from typing import Any

from phiforge.base.canonical import canonical_json, sha256_hex
from phiforge.base.errors import FormatError

DIGEST = "digest"
"""The field that holds it. An object without one is older than digests, and is only checked for its form."""

_DIGITS = 64


def seal(key: str, fields: Mapping[str, Any]) -> bytes:
    """Return ``fields`` as JSON with their digest, which holds under ``key`` alone."""
    return canonical_json(dict(fields) | {DIGEST: _digest(key, fields)})


def parse(key: str, data: bytes) -> dict[str, Any]:
    """Return the object that ``data``, read from ``key``, is; raises FormatError if it is no JSON, or no object."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{key} is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise FormatError(f"{key} holds {type(value).__name__}, expected an object")
    return value


def whole(key: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was sealed under ``key``, without its digest; raises FormatError if that is of something else."""
    name = DIGEST if DIGEST in fields else _renamed(key, fields)
    others = {field: value for field, value in fields.items() if field != name}
    if name is not None and (name != DIGEST or fields[name] != _digest(key, others)):
        raise FormatError(f"{key} is damaged: its digest is that of another content or place")
    return others


def unseal(key: str, data: bytes) -> dict[str, Any]:
    """Return what ``data``, read from ``key``, says; raises FormatError if it is not what was sealed there."""
    return whole(key, parse(key, data))


def _renamed(key: str, fields: Mapping[str, Any]) -> str | None:
    """Return the field that holds the digest of all others under another name: a bit of that changed."""
    long = [name for name, value in fields.items() if isinstance(value, str) and len(value) == _DIGITS]
    for name in long:
        if fields[name] == _digest(key, {field: value for field, value in fields.items() if field != name}):
            return name
    return None


def _digest(key: str, fields: Mapping[str, Any]) -> str:
    try:
        return sha256_hex(key.encode() + b"\n" + canonical_json(dict(fields)))
    except ValueError as error:  # JSON of Python's that is none: Infinity, or half of a surrogate pair
        raise FormatError(f"{key} is damaged: {error}") from error
