"""From a person's YAML or JSON to a RunSpec, or to every problem in it at once."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from phiforge.base.errors import SpecError
from phiforge.base.nearest import nearest
from phiforge.registry import Section
from phiforge.spec.checks import DatasetFacts, check_data, check_parts
from phiforge.spec.run import RunSpec
from phiforge.spec.sentences import BRIEF, sentence
from phiforge.spec.text import TextError, parse_text

MOST_BYTES = 100_000
"""Of a spec's file; PyYAML takes a second for as much."""

_MOST_PROBLEMS = 100
_SUFFIXES = (".yaml", ".yml", ".json")


def read_spec(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Return the raw spec of a YAML or JSON file with ``section.field=value`` overrides applied; not yet checked."""
    try:
        raw = parse_text(_text_of(path))
    except OSError as error:
        raise SpecError([f"cannot read {path}: {error.strerror}{_file_meant(path)}"]) from error
    except (TextError, UnicodeDecodeError) as error:
        raise SpecError([f"{path} is neither YAML nor JSON: {error}"]) from error
    if not isinstance(raw, dict):
        raise SpecError([f"{path} holds {type(raw).__name__}, expected a mapping like 'task: {{n_way: 5}}'"])
    for override in overrides:
        apply_override(raw, override)
    return raw


def _file_meant(path: Path) -> str:
    """Name the file beside it that was probably meant."""
    with suppress(OSError):
        there = {each.stem: each.name for each in path.parent.iterdir() if each.suffix in _SUFFIXES}
        near = nearest(path.stem, there)
        return f"; did you mean {there[near]!r}?" if near else ""
    return ""


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
    values, problems = sections(raw)
    problems += check_parts(values)
    if facts_of and "data" in values:
        problems += check_data(values, facts_of(values["data"]))
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        raise SpecError(problems if more <= 0 else [*problems[:_MOST_PROBLEMS], f"and {more} more"])
    return RunSpec.model_validate(dict(raw))


def apply_override(raw: dict[str, Any], override: str) -> None:
    """Change one field of a raw spec, ``section.field=value``; raises SpecError if that is not what it says."""
    path, equals, text = override.partition("=")
    if not equals or not all(path.split(".")):
        raise SpecError([f"--set {override!r}: expected section.field=value, like outer.lr=3e-4"])
    try:
        value = parse_text(text) if text else None
    except TextError as error:
        raise SpecError([f"--set {override!r}: {BRIEF.repr(text)} is no YAML value: {error}"]) from error
    *parents, leaf = path.split(".")
    for parent in parents:
        section = raw.get(parent, {})
        if not isinstance(section, dict):
            raise SpecError([f"--set {override!r}: {parent!r} is {BRIEF.repr(section)}, not a section"])
        raw[parent] = dict(section)  # a copy: YAML lets two places share one section
        raw = raw[parent]
    raw[leaf] = value


def sections(raw: Mapping[str, Any], root: type[Section] = RunSpec) -> tuple[dict[str, Any], list[str]]:
    """Validate each section by itself, so that an error in one does not hide another's.

    Return valid sections by name and the problems of all others; ``raw`` is read as ``root``.
    """
    fields = root.model_fields.items()
    values: dict[str, Any] = {
        name: field.get_default(call_default_factory=True)
        for name, field in fields
        if name not in raw and not field.is_required()
    }
    problems = []
    for name, section in raw.items():
        try:
            values[name] = getattr(root.model_validate({name: section}), name)
        except ValidationError as error:
            problems += [sentence(detail["loc"], detail, raw, root) for detail in error.errors()]
    return values, problems
