"""The documentation site is built strictly, asks nothing of other hosts, and says what is wrong with a page."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def built(root, target):
    """Build the site of a copy of the repository; return how it ended."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", target],
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def root(tmp_path):
    """A repository that may be spoiled: its documents are copies, all else is the real one."""
    folder = tmp_path / "root"
    folder.mkdir()
    for each in ROOT.iterdir():
        if each.name not in ("docs", "README.md", "mkdocs.yml", "build", ".venv", ".git"):
            (folder / each.name).symlink_to(each)
    shutil.copytree(ROOT / "docs", folder / "docs")
    for copied in ("README.md", "mkdocs.yml"):
        shutil.copy(ROOT / copied, folder)
    return folder


def test_it_is_whole(root, tmp_path):
    # Given the pages as they are, If the site is built
    done = built(root, tmp_path / "site")
    # I expect no complaint, the README to be the start page, and nothing that a browser would load from elsewhere.
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    assert "Learn how to learn" in (tmp_path / "site" / "index.html").read_text()
    loaded = r'<(?:script|img|iframe)[^>]*src="https?:|<link[^>]*rel="(?:stylesheet|preconnect|icon)"[^>]*href="https?:'
    assert not [page for page in (tmp_path / "site").rglob("*.html") if re.search(loaded, page.read_text())]


@pytest.mark.parametrize(
    ("page", "text", "complaint"),
    [
        ("docs/new.md", "# New\n", "new.md"),
        ("docs/at-home.md", "[gone](gone.md)\n", "gone.md"),
        ("README.md", "[gone](docs/glossary.md#gone)\n", "gone"),
    ],
)
def test_it_is_strict(root, tmp_path, page, text, complaint):
    # Given a page without a place, a link to no page, or one to no heading
    with (root / page).open("a") as file:
        file.write("\n" + text)
    # If the site is built, I expect a refusal that names it.
    done = built(root, tmp_path / "site")
    assert done.returncode == 1
    assert complaint in done.stderr
