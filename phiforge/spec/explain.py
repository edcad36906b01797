"""What may stand at a place of a spec, looked up as ``learner.maml.inner_lr``: read off the configurations themselves.

A section or a list of parts is explained without importing a part. Only what stands within a part imports it.
"""

import ast
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic.fields import FieldInfo

from phiforge.base.errors import UnknownFieldError
from phiforge.base.nearest import did_you_mean
from phiforge.registry import KINDS, PartConfig, PartOf, Section
from phiforge.registry.choice import DefaultPart
from phiforge.spec.places import choice_of, sections_of
from phiforge.spec.run import RunSpec
from phiforge.spec.wording import bounds_of, default_of_field, type_of

_MOST_LETTERS = 200


class FieldText(NamedTuple):
    """A field in words: its name, the kind of value it takes, its bounds, its default as YAML, what it is for."""

    name: str
    type: str
    allowed: str
    default: str
    about: str


class PartText(NamedTuple):
    """A part that may stand at a place: its name, what its file says of it, and the package that brings it."""

    name: str
    about: str
    brought_by: str


class Explanation(NamedTuple):
    """What stands at a place.

    ``path`` is how it was asked for, ``in_a_spec`` how a spec and ``--set`` name it. ``field`` is the place itself, if
    it is a field; ``fields`` is what stands below it; ``parts`` is what may stand there.
    """

    path: str
    in_a_spec: str
    about: str
    field: FieldText | None = None
    fields: tuple[FieldText, ...] = ()
    parts: tuple[PartText, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return self._asdict() | {
            "field": self.field._asdict() if self.field else None,
            "fields": [each._asdict() for each in self.fields],
            "parts": [each._asdict() for each in self.parts],
        }


class _Here(NamedTuple):
    """How far a path was followed: what was asked for, how a spec names it, and the steps that are left."""

    path: tuple[str, ...]
    in_a_spec: tuple[str, ...]
    left: tuple[str, ...]

    def into(self, *, named: bool) -> "_Here":
        """Return the place one step further; the name of a part is no step of a spec."""
        step, *left = self.left
        return _Here((*self.path, step), (*self.in_a_spec, step) if named else self.in_a_spec, tuple(left))

    @property
    def words(self) -> str:
        """The place as it is written."""
        return ".".join(self.path)


def explain(path: str = "") -> Explanation:
    """Return what may stand at ``path`` of a spec: a section, a field, the parts of a kind, or one of them.

    Args:
        path: as ``outer.lr``, ``learner``, ``learner.maml`` or ``learner.maml.network.conv4``; empty: the whole spec.

    Raises UnknownFieldError, with what is allowed and what was probably meant, if there is nothing of that name.

    Example::

        explain("outer.lr").field.default     # "0.001"
        [part.name for part in explain("learner").parts]
    """
    path = path.strip()
    if len(path) > _MOST_LETTERS:
        raise UnknownFieldError(
            f"{path[:80]!r}... is longer than any field's name; `phiforge explain` lists the fields"
        )
    return _section(RunSpec, _Here((), (), tuple(path.split(".")) if path else ()))


def explain_part(kind: str, name: str) -> Explanation:
    """Return what a part takes, wherever in a spec it stands; raises as its kind does if it is not there.

    Example::

        explain_part("optimizer", "adam").fields
    """
    choice = PartOf(KINDS[kind])
    return _part_itself(choice, name, _section(choice.catalogue[name].Config, _Here((name,), (), ())))


def _section(section: type[Section], here: _Here) -> Explanation:
    if not here.left:
        return Explanation(here.words, ".".join(here.in_a_spec), _about(section), fields=_fields(section))
    name = here.left[0]
    if name not in section.model_fields:
        raise _unknown(section, here)
    return _field(name, section.model_fields[name], here.into(named=True))


def _field(name: str, field: FieldInfo, here: _Here) -> Explanation:
    if choice := choice_of(field):
        return _part(name, field, choice, here)
    sections = sections_of(field.annotation)
    if sections:
        found = _section(sections[0], here)
        return found if here.left else found._replace(field=_text(name, field))
    if here.left:
        raise UnknownFieldError(f"{here.words} is a value ({type_of(field)}), with nothing below it")
    return Explanation(here.words, ".".join(here.in_a_spec), _description(field), _text(name, field))


def _part(name: str, field: FieldInfo, choice: PartOf, here: _Here) -> Explanation:
    if not here.left:
        about = _description(field) or f"Which {type_of(field)}; one of the parts below."
        return Explanation(here.words, ".".join(here.in_a_spec), about, _text(name, field), (), parts_of(choice))
    configuration = choice.configuration(here.left[0])
    if configuration is None:
        raise _no_such_part(field, choice, here)
    found = _section(configuration, here.into(named=False))
    if len(here.left) > 1:
        return found
    return _part_itself(choice, here.left[0], found)


def _part_itself(choice: PartOf, name: str, found: Explanation) -> Explanation:
    """Add what a part's file and class say of it."""
    return found._replace(about=f"{_said_by(choice, name)}\n{_about(choice.catalogue[name])}".strip())


def parts_of(choice: PartOf) -> tuple[PartText, ...]:
    """Return every part that may stand at a place, with what its file says of it."""
    origin = getattr(choice.catalogue, "origin", lambda name: "")
    return tuple(PartText(name, _said_by(choice, name), origin(name)) for name in choice.names())


def _said_by(choice: PartOf, name: str) -> str:
    """Return the first paragraph of a part's file, where its source is named; the part is not imported."""
    file: Path | None = choice.catalogue.source(name)  # type: ignore[attr-defined]
    try:
        return _paragraph(ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))) if file else ""
    except (OSError, SyntaxError, ValueError):
        return ""


def _about(described: type) -> str:
    return _paragraph(inspect.cleandoc(described.__doc__ or ""))


def _paragraph(text: str | None) -> str:
    return " ".join((text or "").split("\n\n")[0].split())


def _fields(section: type[Section]) -> tuple[FieldText, ...]:
    own = section.model_fields.items()
    return tuple(_text(name, field) for name, field in own if not (issubclass(section, PartConfig) and name == "name"))


def _text(name: str, field: FieldInfo) -> FieldText:
    return FieldText(name, type_of(field), bounds_of(field), default_of_field(field), _description(field))


def _description(field: FieldInfo) -> str:
    sections = [] if choice_of(field) else sections_of(field.annotation)
    return field.description or (_about(sections[0]) if sections else "")


def _unknown(section: type[Section], here: _Here) -> UnknownFieldError:
    name, allowed = here.left[0], list(section.model_fields)
    where = f"in {here.words}" if here.path else "at the top of a spec"
    meant = did_you_mean(name, allowed) or ("" if here.path else _elsewhere(name))
    return UnknownFieldError(f"there is no field {name!r} {where}; allowed: {', '.join(allowed)}{meant}")


def _elsewhere(name: str) -> str:
    """Say where a name that is none of the top level stands: of a part, or of a field in a section."""
    homes = {f"{top}.{name}" for top, field in RunSpec.model_fields.items() if _has(field, name)}
    homes |= {f"{top}.{name}" for top, field in RunSpec.model_fields.items() if _offers(field, name)}
    if homes:
        return f"; did you mean {min(homes)!r}?"
    return did_you_mean(name, {each for catalogue in KINDS.values() for each in catalogue})


def _has(field: FieldInfo, name: str) -> bool:
    return not choice_of(field) and any(name in each.model_fields for each in sections_of(field.annotation))


def _offers(field: FieldInfo, name: str) -> bool:
    choice = choice_of(field)
    return choice is not None and name in choice.catalogue


def _no_such_part(field: FieldInfo, choice: PartOf, here: _Here) -> UnknownFieldError:
    name, names = here.left[0], choice.names()
    usual = field.default_factory.name if isinstance(field.default_factory, DefaultPart) else ""
    owners = sorted(_owners(choice, name), key=lambda each: (each != usual, each))
    if owners:
        some = ", ".join(owners[:3]) + (", ..." if len(owners) > 3 else "")
        meant = f"{here.words}.{owners[0]}.{name}"
        return UnknownFieldError(f"{here.words}.{name} is a field of several ({some}); did you mean {meant!r}?")
    return UnknownFieldError(
        f"there is no {here.words} {name!r}; allowed: {', '.join(names)}{did_you_mean(name, names)}"
    )


def _owners(choice: PartOf, field: str) -> Sequence[str]:
    """Return the parts that have such a field; one that cannot be imported has none."""
    return [name for name in choice.working() if field in choice.catalogue[name].Config.model_fields]
