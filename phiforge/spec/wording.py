"""A field of a spec in words: what may stand in it, within which bounds, and what is meant where it is not given."""

import json
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from phiforge.registry import PartConfig, Section
from phiforge.registry.choice import DefaultPart
from phiforge.spec.places import choice_of

REQUIRED = "required"

_PLAIN = {int: "whole number", float: "number", str: "text", bool: "true or false", NoneType: "null"}


def type_of(field: FieldInfo) -> str:
    """Return what kind of value a field takes, as ``number or null``."""
    if choice := choice_of(field):
        kind = str(getattr(choice.catalogue, "kind", "part"))
        return kind if field.annotation in (PartConfig,) else f"list of {kind}s"
    return _type(field.annotation)


def bounds_of(field: FieldInfo) -> str:
    """Return within which bounds a field's value must be, as ``1 to 1000``; '' if there are none."""
    marks = {name: value for mark in field.metadata for name, value in _bounds(mark)}
    sayings = [_numbers(marks), _lengths(marks), f"matches {marks['pattern']}" if marks.get("pattern") else ""]
    return "; ".join(filter(None, sayings))


def default_of_field(field: FieldInfo) -> str:
    """Return what a field is where it is not given, as YAML; '' of a section, whose own fields say it."""
    if isinstance(field.default_factory, DefaultPart):
        return f"{{name: {field.default_factory.name}}}"
    if field.is_required():
        return REQUIRED
    if isinstance(field.default_factory, type):  # a section, whose parts need not be imported for that
        return ""
    value = field.get_default(call_default_factory=True)
    return "" if isinstance(value, Section) and not isinstance(value, PartConfig) else _yaml(value)


def _type(annotation: Any) -> str:  # noqa: ANN401 - any annotation
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return f"one of {', '.join(map(_yaml, arguments))}" if len(arguments) > 1 else _yaml(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(map(_type, arguments))
    if origin in (tuple, list):
        return f"list of {_type(arguments[0])}s"
    if origin is Mapping:
        return f"mapping to {_type(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    return _type(arguments[0]) if arguments else _PLAIN.get(annotation, getattr(annotation, "__name__", "value"))


def _bounds(mark: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - any of pydantic's marks
    names = ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern")
    return [(name, value) for name in names if (value := getattr(mark, name, None)) is not None]


def _numbers(marks: dict[str, Any]) -> str:
    if "ge" in marks and "le" in marks:
        return f"{_yaml(marks['ge'])} to {_yaml(marks['le'])}"
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    return ", ".join(f"{words[name]} {_yaml(marks[name])}" for name in words if name in marks)


def _lengths(marks: dict[str, Any]) -> str:
    least, most = marks.get("min_length"), marks.get("max_length")
    if least is None and most is None:
        return ""
    return f"length {least or 0} to {most}" if most is not None else f"length at least {least}"


def _yaml(value: Any) -> str:  # noqa: ANN401 - any value of a spec
    """Return a value as one would write it in a spec, on one line."""
    if isinstance(value, PartConfig):
        own = value.model_dump(mode="json", exclude_defaults=True) | {"name": value.name}
        return (
            f"{{{', '.join(f'{name}: {_yaml(own[name])}' for name in sorted(own, key=lambda each: each != 'name'))}}}"
        )
    if isinstance(value, str):
        return value or "''"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_yaml, value))}]"
    return json.dumps(value)
