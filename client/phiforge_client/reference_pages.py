"""The pages of docs/reference, written from the code: ``python -m phiforge_client.reference_pages``.

A test keeps them up to date.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from phiforge.registry import KINDS
from phiforge.spec.explain import Explanation, explain, explain_part
from phiforge_client.explain_view import facts

_OURS = "phiforge"
_HEAD = "<!-- Written by `make reference`; a test compares it with the code. -->\n"


def spec_page() -> str:
    """Return the page of every section, field and part of a spec; of parts, ours."""
    lines = [
        "# What a spec may say\n",
        _HEAD,
        "`phiforge explain` shows the same in a terminal, for installed packages' parts too.\n",
    ]
    lines += [text for path in ("", *_sections("")) for text in _section(f"`{path or 'spec'}`", explain(path))]
    for kind, catalogue in KINDS.items():
        ours = [name for name in catalogue if catalogue.origin(name) == _OURS]  # type: ignore[attr-defined]
        lines += [text for name in ours for text in _section(f"{kind} `{name}`", explain_part(kind, name))]
    return "\n".join(lines)


def commands_page() -> str:
    """Return the page of every command with its arguments and options."""
    from phiforge_client.cli import app

    group = typer.main.get_command(app)
    lines = ["# Commands\n", _HEAD, "`phiforge COMMAND --help` says the same.\n"]
    lines += [text for name, command in _commands(group) for text in _command(name, command)]
    return "\n".join(lines)


PAGES: Mapping[str, Callable[[], str]] = {"spec.md": spec_page, "commands.md": commands_page}
"""What writes each page."""


def main(folder: Path) -> None:
    """Write every page to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


def _sections(path: str) -> Iterator[str]:
    """Yield the paths of all sections below one, and of lists of them, in order."""
    for field in explain(path).fields:
        if "section" in field.type:
            below = f"{path}.{field.name}" if path else field.name
            yield below
            yield from _sections(below)


def _section(title: str, found: Explanation) -> list[str]:
    about = "\n".join(f"{line}\n" for line in found.about.splitlines())
    lines = [f"## {title}\n", about]
    if found.fields:
        rows = [f"| `{each.name}` | {_cell(facts(each))} | {_cell(each.about)} |" for each in found.fields]
        lines += ["| field | value | what |\n|---|---|---|\n" + "\n".join(rows) + "\n"]
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")


def _commands(command: Any, before: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - click's, as typer has it
    """Yield every command with its whole name, in order of name; commands of a group come after one another."""
    below = getattr(command, "commands", None)
    if below is None:
        yield before, command
        return
    for name in sorted(below):
        yield from _commands(below[name], f"{before} {name}".strip())


def _command(name: str, command: Any) -> list[str]:  # noqa: ANN401 - click's, as typer has it
    shown = [each for each in command.params if not getattr(each, "hidden", False) and each.name != "help"]
    metavars = [_argument(each) for each in shown if _is_argument(each)]
    rows = [f"| {_called(each)} | {_cell(getattr(each, 'help', None) or '')} |" for each in shown]
    about = " ".join((command.help or "").split())
    lines = [f"## `phiforge {' '.join([name, *metavars])}`\n", f"{about}\n"]
    return lines + (["| argument or option | what |\n|---|---|\n" + "\n".join(rows) + "\n"] if rows else [])


def _is_argument(parameter: Any) -> bool:  # noqa: ANN401 - click's, as typer has it
    return bool(parameter.param_type_name == "argument")


def _argument(parameter: Any) -> str:  # noqa: ANN401 - click's, as typer has it
    shown = (parameter.metavar or str(parameter.name)).upper()
    return shown if parameter.required else f"[{shown}]"


def _called(parameter: Any) -> str:  # noqa: ANN401 - click's, as typer has it
    if _is_argument(parameter):
        return f"`{(parameter.metavar or str(parameter.name)).upper()}`"
    options = ", ".join(f"`{each}`" for each in parameter.opts)
    return options if parameter.is_flag else f"{options} {parameter.metavar or ''}".strip()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reference"))
