"""A problem in one place of a spec as a sentence: what was given, what is allowed, and what was probably meant."""

from collections.abc import Callable, Mapping
from reprlib import Repr
from typing import Any

from phiforge.base.nearest import did_you_mean
from phiforge.registry import Section
from phiforge.registry.choice import NO_NAME, UNKNOWN, PartOf
from phiforge.spec.places import Place, choice_at, section_at, sections_of
from phiforge.spec.run import NAME_RULE, RunSpec

BRIEF = Repr()
"""Quotes what was given, at no length."""
BRIEF.maxlevel = 2
BRIEF.maxstring = BRIEF.maxother = 80

Detail = Mapping[str, Any]
"""What pydantic says of one error."""


def sentence(place: Place, detail: Detail, raw: Mapping[str, Any], root: type[Section] = RunSpec) -> str:
    """Return the problem that pydantic found at ``place`` of ``raw``, which was read as ``root``, in words."""
    dotted = ".".join(map(str, place))
    say = _SENTENCES.get(detail["type"])
    return dotted + (say(place, detail, raw, root) if say else _plain(detail))


def _unknown_key(place: Place, _: Detail, raw: Mapping[str, Any], root: type[Section]) -> str:
    *parents, key = place
    allowed = list(section_at(tuple(parents), raw, root).model_fields)
    meant = did_you_mean(key, allowed) or _of_another_part(tuple(parents), key, raw, root)
    meant = meant or _elsewhere(parents, key, root)
    return f": unknown; allowed here: {', '.join(allowed)}{meant}"


def _elsewhere(parents: list[int | str], key: int | str, root: type[Section]) -> str:
    """Say in which section a field stands that was looked for at the top."""
    if parents:
        return ""
    homes = [name for name, field in root.model_fields.items() if _has(sections_of(field.annotation), key)]
    return f"; did you mean {f'{homes[0]}.{key}'!r}?" if homes else ""


def _has(sections: list[Any], key: int | str) -> bool:
    return any(key in section.model_fields for section in sections)


def _of_another_part(place: Place, key: int | str, raw: Mapping[str, Any], root: type[Section]) -> str:
    """Say how to replace a section that still has what was meant for another part."""
    choice = choice_at(place, raw, root)
    if choice is None or not _is_known(choice, key):
        return ""
    given: Any = raw
    for step in place:
        given = given[step]
    name, dotted = given.get("name", choice.default), ".".join(map(str, place))
    section = f"{{name: {name}}}"
    return (
        f"; {name!r} has no {key!r}: to replace all of {dotted}, give {dotted}: {section} or --set {dotted}='{section}'"
    )


def _is_known(choice: PartOf, key: int | str) -> bool:
    configurations = [choice.configuration(name) for name in choice.working()]
    return _has([each for each in configurations if each], key)


def _no_name(place: Place, detail: Detail, raw: Mapping[str, Any], root: type[Section]) -> str:
    return f": {BRIEF.repr(detail['input'])} has no 'name'; allowed names: {', '.join(_names(place, raw, root))}"


def _unknown_name(place: Place, detail: Detail, raw: Mapping[str, Any], root: type[Section]) -> str:
    name, names = detail["input"]["name"], _names(place, raw, root)
    return f".name: {BRIEF.repr(name)} is unknown; allowed: {', '.join(names)}{did_you_mean(name, names)}"


def _names(place: Place, raw: Mapping[str, Any], root: type[Section]) -> list[str]:
    choice = choice_at(place, raw, root)
    if choice is None:
        raise TypeError(f"{place} holds no part")
    return choice.names()


def _no_section(place: Place, detail: Detail, raw: Mapping[str, Any], root: type[Section]) -> str:
    given, choice = detail["input"], choice_at(place, raw, root)
    known = choice is not None and isinstance(given, str) and choice.configuration(given) is not None
    return _plain(detail) + (f"; write {{name: {given}}}" if known else "")


def _no_text(_: Place, detail: Detail, __: Mapping[str, Any], ___: type[Section]) -> str:
    given = detail["input"]
    quoted = f"; in quotes it is text: '{given}'" if isinstance(given, int | float) else ""
    return _plain(detail) + quoted


def _no_such_name(place: Place, detail: Detail, _: Mapping[str, Any], __: type[Section]) -> str:
    if place != ("name",):  # a pattern of a part's own
        return _plain(detail)
    return f": {BRIEF.repr(detail['input'])} is no name; {NAME_RULE}"


def _plain(detail: Detail) -> str:
    return f": {detail['msg']} (given: {BRIEF.repr(detail['input'])})"


_SENTENCES: Mapping[str, Callable[[Place, Detail, Mapping[str, Any], type[Section]], str]] = {
    "extra_forbidden": _unknown_key,
    NO_NAME: _no_name,
    UNKNOWN: _unknown_name,
    "dict_type": _no_section,
    "string_type": _no_text,
    "string_pattern_mismatch": _no_such_name,
}
