"""Which folder holds local state where nobody says it."""

import os
from pathlib import Path

import pytest

from phiforge.base.home import find_home
from phiforge.base.settings import Settings


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a home of its own, and a user with another."""
    monkeypatch.delenv("PHIFORGE_HOME", raising=False)
    monkeypatch.setenv("PHIFORGE_SECRETS_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    project = tmp_path / "project"
    (project / "deep" / "er").mkdir(parents=True)
    return project


def test_a_projects_home_is_found_from_any_folder_in_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a project with a .phiforge, if it is looked for from within, I expect it; and a nearer one before it.
    (project / ".phiforge").mkdir()
    monkeypatch.chdir(project / "deep" / "er")
    assert find_home() == project / ".phiforge"
    assert Settings().home_found == "the .phiforge of a project"
    (project / "deep" / ".phiforge").mkdir()
    assert find_home() == project / "deep" / ".phiforge"


def test_else_it_is_the_users(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given no .phiforge around, I expect the user's, and nothing to be made.
    monkeypatch.chdir(project)
    assert find_home() == tmp_path / "user" / ".phiforge"
    assert Settings().home_found == "yours"
    assert not (tmp_path / "user").exists()


def test_a_variable_wins(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given both, I expect what the variable says.
    (project / ".phiforge").mkdir()
    monkeypatch.chdir(project)
    monkeypatch.setenv("PHIFORGE_HOME", str(tmp_path / "said"))
    assert Settings().home == tmp_path / "said"
    assert Settings().home_found == "PHIFORGE_HOME"


def test_what_is_no_folder_of_this_user_is_not_taken(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a file of that name, I expect it not to be taken.
    monkeypatch.chdir(project / "deep")
    (project / "deep" / ".phiforge").touch()
    assert find_home().parent.name == "user"
    # Given somebody else's folder, such as one in a shared folder, I expect it not to be taken either.
    (project / ".phiforge").mkdir()
    monkeypatch.setattr(os, "getuid", lambda: (project / ".phiforge").stat().st_uid + 1)
    assert find_home().parent.name == "user"


def test_a_folder_that_is_gone(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a folder that was deleted under the command, I expect the user's home.
    gone = project / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert find_home().parent.name == "user"
