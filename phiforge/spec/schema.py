"""How specs stay readable: fields that came later, and what a record that does not have them means.

A recorded run outlives the code that made it. So a field that is added to a spec is marked with the schema that it
came with and with what its absence means. A spec that says no more than that is recorded without the field: it has the
hash it always had, and older workers can serve it.
"""

from collections.abc import Iterator
from typing import Any

from phiforge.registry.section import Section, Since

SCHEMA = 2
"""The newest schema that this code can read and write."""


def recorded(section: Section) -> dict[str, Any]:
    """Return what is written down of ``section``: JSON values, without later fields that say what absence means."""
    plain = section.model_dump(mode="json")
    for name, value, since in _fields(section):
        if since and value == since.absent:
            del plain[name]
        elif isinstance(value, Section):
            plain[name] = recorded(value)
    return plain


def schema_of(section: Section) -> int:
    """Return the oldest schema that can say what ``section`` says."""
    needed = 1
    for _, value, since in _fields(section):
        if since and value != since.absent:
            needed = max(needed, since.schema)
        if isinstance(value, Section):
            needed = max(needed, schema_of(value))
    return needed


def _fields(section: Section) -> Iterator[tuple[str, Any, Since | None]]:
    for name, field in type(section).model_fields.items():
        mark = next((each for each in field.metadata if isinstance(each, Since)), None)
        yield name, getattr(section, name), mark
