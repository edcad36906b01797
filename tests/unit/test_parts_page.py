"""The page of parts has a row for every part, and none for what is not there."""

import re
from pathlib import Path

import pytest

from phiforge.registry import (
    DATASETS,
    ESTIMATORS,
    FAMILIES,
    LEARNERS,
    NETWORKS,
    OPTIMIZERS,
    PROPOSERS,
    SCHEDULERS,
    SCORES,
)

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "parts.md").read_text()
TABLES = {
    "Learners": LEARNERS,
    "Estimators": ESTIMATORS,
    "Networks": NETWORKS,
    "Optimizers": OPTIMIZERS,
    "Scores": SCORES,
    "Datasets": DATASETS,
    "Families": FAMILIES,
    "Proposers": PROPOSERS,
    "Schedulers": SCHEDULERS,
}


def named(section):
    """Return the first cell of every row of the first table under a heading."""
    [text] = re.findall(rf"^## {section}\n(.*?)(?=^##)", PAGE, flags=re.DOTALL | re.MULTILINE)
    table = re.search(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    return re.findall(r"^\| `([^`]+)` \|", table.group(), flags=re.MULTILINE)


@pytest.mark.parametrize("section", TABLES)
def test_every_part_has_a_row(section):
    # Given the parts of a kind that are ours, if their table is read
    ours = {name for name in TABLES[section] if TABLES[section].origin(name) == "phiforge"}
    # I expect a row for each, once, and no other.
    rows = named(section)
    assert sorted(rows) == sorted(ours)


def test_the_part_it_shows_is_that_of_the_package():
    # Given the part that the page shows as an example, I expect it to be as it is in the package that is tested.
    shown = re.findall(r"```(?:python|toml)\n(.*?)```", PAGE, flags=re.DOTALL)
    package = ROOT / "tests" / "plugin"
    there = (package / "phiforge_tiny" / "lion.py").read_text() + (package / "pyproject.toml").read_text()
    assert len(shown) == 2
    assert [each for each in shown if each not in there] == []


def test_every_flag_it_lists_is_one():
    # Given the flags that the page lists for each kind, I expect every part of that kind to have them.
    rows = re.findall(r"^\| (\w+) \| `phiforge\.[^|]+ \| ([^|]+) \|$", PAGE, flags=re.MULTILINE)
    kinds = {catalogue.kind: catalogue for catalogue in TABLES.values()}
    assert {kind for kind, _ in rows} == set(kinds)
    for kind, flags in rows:
        for flag in re.findall(r"`(\w+)`", flags):
            assert all(hasattr(part, flag) for part in kinds[kind].values()), (kind, flag)
