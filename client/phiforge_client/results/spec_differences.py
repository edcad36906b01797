"""In which fields specs differ, side by side."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

ABSENT = "-"


def differing(specs: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """Return the path of every field in which ``specs`` differ, with the value that each has."""
    flat = [dict(_flat(spec)) for spec in specs]
    paths = sorted({path for each in flat for path in each})
    rows = [(path, [str(each.get(path, ABSENT)) for each in flat]) for path in paths]
    return [(path, values) for path, values in rows if len(set(values)) > 1]


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any JSON value
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _flat(each, f"{path}.{name}" if path else str(name))
    else:
        yield path, value
