"""What the documents point at is there."""

import re
from pathlib import Path

import pytest
import typer

from phiforge_client.cli import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

LINK = re.compile(r"\]\(([^)\s]+)\)")
IN_THE_PROJECT = re.compile(
    r"`((?:benchmarks|client|deploy|docs|evaluator|examples|notebooks|phiforge|sampler|specs|tests|trainer)/[\w./-]*)`"
)
MADE_LATER = ("deploy/secrets",)
"""What is named and is not in a clean clone."""


def anchors(page):
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    # Given the links of a page to files of the project
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]

    # Expect each to lead to a file, and to a heading of it if it names one
    for link in links:
        target, _, anchor = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), link
        assert not anchor or anchor in anchors(file), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_is_there(page):
    # Given the paths of the project that a page names, Expect each to be there
    paths = set(IN_THE_PROJECT.findall(page.read_text())) - set(MADE_LATER)
    assert not {path for path in paths if not (ROOT / path).exists()}


def commands(command, name=""):
    """Yield every command of ``phiforge`` by its whole name, as ``data inspect``."""
    if not hasattr(command, "commands"):
        yield name, {option for parameter in command.params for option in parameter.opts}
        return
    for each, below in command.commands.items():
        yield from commands(below, f"{name} {each}".strip())


def test_every_option_is_there():
    # Given the commands of ``phiforge`` that pages show, Expect each to be one, with the options that it is given.
    known = dict(commands(typer.main.get_command(app)))
    shown = re.compile(r"(?:^|`)phiforge ([a-z]+)([^\n`]*)", flags=re.MULTILINE)
    for page in PAGES:
        for command, arguments in shown.findall(page.read_text()):
            name = next((each for each in known if f"{command}{arguments} ".startswith(f"{each} ")), command)
            assert name in known, (page.name, command, arguments)
            given = re.findall(r"(?<!\S)--[a-z][\w-]*", arguments.partition("#")[0])
            assert set(given) <= known[name], (page.name, name)
