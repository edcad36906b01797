"""What stands at a place of a spec: which section, and which parts may be chosen there."""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic.fields import FieldInfo

from phiforge.registry import PartOf, Section
from phiforge.spec.run import RunSpec

Place = tuple[int | str, ...]
"""Keys and positions that lead from the spec to one of its values."""


def section_at(place: Place, raw: Any, root: type[Section] = RunSpec) -> type[Section]:  # noqa: ANN401 - as given
    """Return which section stands at ``place`` of what was given for ``root``.

    It is there, or nothing in it could be wrong.
    """
    section = root
    for step in place:
        raw = raw[step]
        if isinstance(step, str):
            section = _section_in(section.model_fields[step], raw) or section
    return section


def _section_in(field: FieldInfo, given: Any) -> type[Section] | None:  # noqa: ANN401 - whatever was given
    """Return which section a field holds, if it is one: of a part, the one that the given name decides."""
    if choice := choice_of(field):
        return choice.configuration(given.get("name", choice.default)) if isinstance(given, Mapping) else None
    sections = sections_of(field.annotation)
    return sections[0] if sections else None


def choice_at(place: Place, raw: Mapping[str, Any], root: type[Section] = RunSpec) -> PartOf | None:
    """Return which parts stand to choose at ``place``; None if it holds no part."""
    names = [step for step in place if isinstance(step, str)]
    if not names:
        return None
    depth = max(index for index, step in enumerate(place) if isinstance(step, str))
    return choice_of(section_at(place[:depth], raw, root).model_fields[names[-1]])


def choice_of(field: FieldInfo) -> PartOf | None:
    """Return which parts may stand in a field, by itself or in a list; None if it is for none."""
    marks = [*field.metadata, *_marks_of(field.annotation)]
    return next((mark for mark in marks if isinstance(mark, PartOf)), None)


def _marks_of(annotation: Any) -> list[Any]:  # noqa: ANN401 - any annotation
    inner = [mark for argument in get_args(annotation) for mark in _marks_of(argument)]
    return [*getattr(annotation, "__metadata__", ()), *inner]


def sections_of(annotation: Any) -> list[type[Section]]:  # noqa: ANN401 - any annotation
    """Return the sections that a field of such a type may hold, but for parts."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [section for argument in get_args(annotation) for section in sections_of(argument)]
