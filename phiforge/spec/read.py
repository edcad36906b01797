"""From a person's YAML or JSON to a RunSpec, or to every fault in it at once."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from reprlib import Repr
from typing import Any, get_args

from pydantic import ValidationError

from phiforge.base.errors import SpecError
from phiforge.registry.section import Part
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
    """Return the RunSpec of ``raw``; raises SpecError listing every fault, across all sections, at once.

    ``facts_of`` looks a valid data section up, for the faults that only the dataset can show.
    """
    values, faults = _sections(raw)
    faults += check_parts(values)
    if facts_of and "data" in values:
        faults += check_data(values, facts_of(values["data"]))
    if faults:
        more = len(faults) - _MOST_FAULTS
        raise SpecError(faults if more <= 0 else [*faults[:_MOST_FAULTS], f"and {more} more"])
    return RunSpec.model_validate(dict(raw))


def apply_override(raw: dict[str, Any], override: str) -> None:
    """Change one field of a raw spec, ``section.field=value``; raises SpecError if that is not what it says."""
    path, equals, text = override.partition("=")
    if not equals or not all(path.split(".")):
        raise SpecError([f"--set {override!r}: expected section.field=value, like outer.lr=3e-4"])
    try:
        value = parse_text(text) if text else None
    except TextError as error:
        raise SpecError([f"--set {override!r}: {text!r} is no YAML value"]) from error
    *parents, leaf = path.split(".")
    for parent in parents:
        section = raw.get(parent, {})
        if not isinstance(section, dict):
            raise SpecError([f"--set {override!r}: {parent!r} is {_BRIEF.repr(section)}, not a section"])
        raw[parent] = dict(section)  # a copy: YAML lets two places share one section
        raw = raw[parent]
    raw[leaf] = value


def _sections(raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Validate each section by itself, so that a fault in one does not hide another's."""
    values: dict[str, Any] = {name: field.get_default() for name, field in RunSpec.model_fields.items()}
    faults = []
    for name, section in raw.items():
        try:
            values[name] = getattr(RunSpec.model_validate({name: section}), name)
        except ValidationError as error:
            values.pop(name, None)
            faults += [_sentence(detail["loc"], detail) for detail in error.errors()]
    return values, faults


def _sentence(place: tuple[int | str, ...], detail: Mapping[str, Any]) -> str:
    if detail["type"] == "extra_forbidden":
        part = _part_at(place[:-1])
        return f"{_dotted(place)}: unknown; allowed here: {', '.join(part.model_fields)}"
    if detail["type"] == "union_tag_not_found":
        return (
            f"{_dotted(place)}: {_BRIEF.repr(detail['input'])} has no 'name'; allowed names: {', '.join(_names(place))}"
        )
    if detail["type"] == "union_tag_invalid":
        given = _BRIEF.repr(detail["input"]["name"])
        return f"{_dotted(place)}.name: {given} is unknown; allowed: {', '.join(_names(place))}"
    return f"{_dotted(place)}: {detail['msg']} (given: {_BRIEF.repr(detail['input'])})"


def _dotted(place: tuple[int | str, ...]) -> str:
    """Spell a place as it stands in the file: without the names of the variants that pydantic puts in."""
    fields = [str(step) for index, step in enumerate(place) if not _is_variant(place[:index], step)]
    return ".".join(fields)


def _is_variant(parent: tuple[int | str, ...], step: int | str) -> bool:
    return bool(parent) and str(step) in _names(parent)


def _names(place: tuple[int | str, ...]) -> list[str]:
    """Return the names of the variants that stand to choose at a place, if it is such a place."""
    variants = _variants(place)
    return [part.model_fields["name"].default for part in variants] if len(variants) > 1 else []


def _part_at(place: tuple[int | str, ...]) -> type[Part]:
    return _variants(place)[0] if place else RunSpec


def _variants(place: tuple[int | str, ...]) -> list[type[Part]]:
    """Follow a place of pydantic's through RunSpec to the kinds of Part that may stand there."""
    parts: list[type[Part]] = [RunSpec]
    for step in place:
        named = [part for part in parts if len(parts) > 1 and part.model_fields["name"].default == step]
        fields = [part.model_fields[str(step)].annotation for part in parts if str(step) in part.model_fields]
        parts = named or _parts_in(fields[0] if fields else None)
    return parts


def _parts_in(annotation: Any) -> list[type[Part]]:  # noqa: ANN401 - any annotation
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return [annotation]
    return [part for argument in get_args(annotation) for part in _parts_in(argument)]
