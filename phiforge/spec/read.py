"""From a person's YAML or JSON to a RunSpec, or to every problem in it at once."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from reprlib import Repr
from typing import Any, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from phiforge.base.errors import SpecError
from phiforge.registry import PartOf, Section
from phiforge.registry.choice import NO_NAME, UNKNOWN
from phiforge.spec.checks import DatasetFacts, check_data, check_parts
from phiforge.spec.run import RunSpec
from phiforge.spec.text import TextError, parse_text

MOST_BYTES = 100_000
"""Of a spec's file; PyYAML takes a second for as much."""

_BRIEF = Repr()
_MOST_FAULTS = 100
_BRIEF.maxlevel = 2
_BRIEF.maxstring = _BRIEF.maxother = 80


def read_spec(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Return the raw spec of a YAML or JSON file with ``section.field=value`` overrides applied; not yet checked."""
    try:
        raw = parse_text(_text_of(path))
    except OSError as error:
        raise SpecError([f"cannot read {path}: {error.strerror}"]) from error
    except (TextError, UnicodeDecodeError) as error:
        raise SpecError([f"{path} is neither YAML nor JSON: {error}"]) from error
    if not isinstance(raw, dict):
        raise SpecError([f"{path} holds {type(raw).__name__}, expected a mapping like 'task: {{n_way: 5}}'"])
    for override in overrides:
        apply_override(raw, override)
    return raw


def _text_of(path: Path) -> str:
    """Read at most ``MOST_BYTES``: a spec is a page, whatever else the file may be."""
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise SpecError([f"{path} is larger than {MOST_BYTES} bytes, which no spec is; is it the file you meant?"])
    return data.decode()


def parse_spec(raw: Mapping[str, Any], facts_of: Callable[[Any], DatasetFacts] | None = None) -> RunSpec:
    """Return the RunSpec of ``raw``; raises SpecError listing every problem, across all sections, at once.

    ``facts_of`` looks a valid data section up, for the problems that only the dataset can show.
    """
    values, problems = _sections(raw)
    problems += check_parts(values)
    if facts_of and "data" in values:
        problems += check_data(values, facts_of(values["data"]))
    if problems:
        more = len(problems) - _MOST_FAULTS
        raise SpecError(problems if more <= 0 else [*problems[:_MOST_FAULTS], f"and {more} more"])
    return RunSpec.model_validate(dict(raw))


def apply_override(raw: dict[str, Any], override: str) -> None:
    """Change one field of a raw spec, ``section.field=value``; raises SpecError if that is not what it says."""
    path, equals, text = override.partition("=")
    if not equals or not all(path.split(".")):
        raise SpecError([f"--set {override!r}: expected section.field=value, like outer.lr=3e-4"])
    try:
        value = parse_text(text) if text else None
    except TextError as error:
        raise SpecError([f"--set {override!r}: {_BRIEF.repr(text)} is no YAML value: {error}"]) from error
    *parents, leaf = path.split(".")
    for parent in parents:
        section = raw.get(parent, {})
        if not isinstance(section, dict):
            raise SpecError([f"--set {override!r}: {parent!r} is {_BRIEF.repr(section)}, not a section"])
        raw[parent] = dict(section)  # a copy: YAML lets two places share one section
        raw = raw[parent]
    raw[leaf] = value


def _sections(raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Validate each section by itself, so that an error in one does not hide another's."""
    fields = RunSpec.model_fields.items()
    values: dict[str, Any] = {
        name: field.get_default(call_default_factory=True) for name, field in fields if name not in raw
    }
    problems = []
    for name, section in raw.items():
        try:
            values[name] = getattr(RunSpec.model_validate({name: section}), name)
        except ValidationError as error:
            problems += [_sentence(detail["loc"], detail, raw) for detail in error.errors()]
    return values, problems


def _sentence(place: tuple[int | str, ...], detail: Mapping[str, Any], raw: Mapping[str, Any]) -> str:
    dotted = ".".join(map(str, place))
    if detail["type"] == "extra_forbidden":
        return f"{dotted}: unknown; allowed here: {', '.join(_section_at(place[:-1], raw).model_fields)}"
    if detail["type"] in (NO_NAME, UNKNOWN):
        names = ", ".join(_choice_at(place, raw).names())
        if detail["type"] == NO_NAME:
            return f"{dotted}: {_BRIEF.repr(detail['input'])} has no 'name'; allowed names: {names}"
        return f"{dotted}.name: {_BRIEF.repr(detail['input']['name'])} is unknown; allowed: {names}"
    return f"{dotted}: {detail['msg']} (given: {_BRIEF.repr(detail['input'])})"


def _section_at(place: tuple[int | str, ...], raw: Any) -> type[Section]:  # noqa: ANN401 - whatever was given
    """Return which section stands at ``place`` of what was given; it is there, or nothing in it could be wrong."""
    section: type[Section] = RunSpec
    for step in place:
        raw = raw[step]
        if isinstance(step, str):
            section = _section_in(section.model_fields[step], raw) or section
    return section


def _section_in(field: FieldInfo, given: Any) -> type[Section] | None:  # noqa: ANN401 - whatever was given
    """Return which section a field holds, if it is one: of a part, the one that the given name decides."""
    if choice := _choice(field):
        return choice.configuration(given.get("name", choice.default)) if isinstance(given, Mapping) else None
    sections = _sections_of(field.annotation)
    return sections[0] if sections else None


def _choice_at(place: tuple[int | str, ...], raw: Mapping[str, Any]) -> PartOf:
    """Return which parts stand to choose at ``place``."""
    names = [step for step in place if isinstance(step, str)]
    depth = max(index for index, step in enumerate(place) if isinstance(step, str))
    choice = _choice(_section_at(place[:depth], raw).model_fields[names[-1]])
    if choice is None:
        raise TypeError(f"{place} holds no part")
    return choice


def _choice(field: FieldInfo) -> PartOf | None:
    """Return which parts may stand in a field, by itself or in a list; None if it is for none."""
    marks = [*field.metadata, *_marks_of(field.annotation)]
    return next((mark for mark in marks if isinstance(mark, PartOf)), None)


def _marks_of(annotation: Any) -> list[Any]:  # noqa: ANN401 - any annotation
    inner = [mark for argument in get_args(annotation) for mark in _marks_of(argument)]
    return [*getattr(annotation, "__metadata__", ()), *inner]


def _sections_of(annotation: Any) -> list[type[Section]]:  # noqa: ANN401 - any annotation
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [section for argument in get_args(annotation) for section in _sections_of(argument)]
