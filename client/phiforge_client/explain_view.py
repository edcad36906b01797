"""``phiforge explain``: what may stand at a place of a spec, for a person."""

from collections.abc import Iterator

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from phiforge.spec.explain import Explanation, FieldText, PartText
from phiforge_client.table import whole

_INDENT = 2
_OURS = "phiforge"


def print_explanation(console: Console, found: Explanation) -> None:
    """Print an explanation: folded to a terminal's width, in whole lines to a pipe."""
    wide = whole(console)
    for indent, line in _lines(found):
        wide.print(Padding(line, (0, 0, 0, indent)) if console.is_terminal else Text(" " * indent) + line)


def _lines(found: Explanation) -> Iterator[tuple[int, Text]]:
    yield 0, Text(found.path or "spec", style="bold")
    for line in filter(None, found.about.splitlines()):
        yield _INDENT, Text(line)
    if found.field and not found.fields:
        yield _INDENT, Text(facts(found.field))
    if found.in_a_spec and not found.fields and not found.parts:
        yield _INDENT, Text(f"to change it: --set {found.in_a_spec}={_example(found)}")
    for field in found.fields:
        yield from _field(field)
    for part in found.parts:
        yield from _part(part)
    if hint := _hint(found):
        yield 0, Text(hint)


def facts(field: FieldText) -> str:
    """Return a field's type, bounds and default in one line."""
    default = field.default if field.default in ("", "required") else f"default {field.default}"
    return "; ".join(filter(None, (field.type, field.allowed, default)))


def _field(field: FieldText) -> Iterator[tuple[int, Text]]:
    yield _INDENT, Text.assemble((field.name, "bold"), f"  {facts(field)}")
    if field.about:
        yield 3 * _INDENT, Text(field.about)


def _part(part: PartText) -> Iterator[tuple[int, Text]]:
    from_elsewhere = "" if part.brought_by == _OURS else f"  ({part.brought_by})"
    yield _INDENT, Text.assemble((part.name, "bold"), from_elsewhere)
    if part.about:
        yield 3 * _INDENT, Text(part.about)


def _example(found: Explanation) -> str:
    assert found.field is not None
    return "VALUE" if found.field.default in ("", "required") else found.field.default


def _hint(found: Explanation) -> str:
    """Say what to type next."""
    begin = f"{found.path}." if found.path else ""
    if found.parts:
        first = found.parts[0].name
        return (
            f"more of one: phiforge explain {begin}{first}; to choose one: --set {found.in_a_spec}='{{name: {first}}}'"
        )
    below = [each.name for each in found.fields if not each.default or each.default.startswith("{")]
    return f"more: phiforge explain {begin}{below[0]}" if below else ""
