"""One spelling of a JSON value, so that equal values have equal hashes."""

import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return ``value`` as UTF-8 JSON: keys sorted, no spare space, no minus zero; non-finite numbers are refused."""
    plain = _without_minus_zero(value)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of ``data`` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _without_minus_zero(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return {key: _without_minus_zero(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_minus_zero(each) for each in value]
    return value + 0.0 if isinstance(value, float) else value
