"""Specs that come with the project, wherever it was installed."""

from pathlib import Path

import pytest

from phiforge.base.errors import SpecError
from phiforge_client import ready_made
from phiforge_client.studies.submission import read_study

NAME = "demo-maml"


def test_all_are_there_and_described():
    # Given the specs of the checkout, I expect each to be ready-made, and to say what it trains.
    assert ready_made.names() == sorted(path.stem for path in Path("specs").resolve().glob("*.yaml"))
    for name in ready_made.names():
        assert len(ready_made.description(name)) > 20, name


@pytest.mark.parametrize("given", [NAME, f"specs/{NAME}.yaml"])
def test_a_name_stands_for_its_file(given, tmp_path, monkeypatch):
    # Given a folder without specs, I expect the name alone, or as documents spell it, to mean the ready-made one.
    monkeypatch.chdir(tmp_path)
    assert ready_made.found_or_ready_made(Path(given)).read_text() == ready_made.text(NAME)


@pytest.mark.parametrize("given", [NAME, f"specs/{NAME}.yaml"])
def test_a_file_that_is_there_comes_first(given, tmp_path, monkeypatch):
    # Given a file of that name, I expect it to be meant.
    monkeypatch.chdir(tmp_path)
    Path("specs").mkdir()
    Path(given).write_text("seed: 1")
    assert ready_made.found_or_ready_made(Path(given)) == Path(given)


@pytest.mark.parametrize("given", ["my.yaml", "other/demo-maml.yaml", "demo-maml.yaml", "nobody", ".", ""])
def test_other_files_are_what_they_are(given):
    # Given what is no name of a ready-made spec, I expect it to be taken as it is.
    assert ready_made.found_or_ready_made(Path(given)) == Path(given)


def test_unknown_names():
    # Given no such name, I expect the one that was probably meant.
    with pytest.raises(SpecError, match="did you mean 'demo-maml'"):
        ready_made.text("demo-mmaml")


def test_studies_are_ready_made_too(tmp_path, monkeypatch):
    # Given a folder without specs, I expect each ready-made study to be found by its name, and to be right.
    monkeypatch.chdir(tmp_path)
    assert ready_made.studies()
    for name in ready_made.studies():
        assert read_study(Path(name), []).name == name
