"""The tutorial on a learner of one's own is done as it stands."""

import os
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from phiforge.base.settings import Settings
from tests.integration.plugin.tiny import ROOT, TinyStack, phiforge

pytestmark = [pytest.mark.services, pytest.mark.slow]

PAGE = (ROOT / "docs" / "tutorials" / "own-learner.md").read_text()
BUDGET = [
    *("--set", "outer.versions=2", "--set", "checkpoint.every=2", "--set", "evaluation.every=2"),
    *("--set", "evaluation.validation_tasks=5", "--set", "evaluation.test_tasks=5"),
]


def shown(language: str) -> list[str]:
    """Return the blocks of a language that the page shows."""
    blocks = re.findall(r"^ +```(\w*)\n(.*?)^ +```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for which, block in blocks if which == language]


def test_every_step(settings: Settings, tmp_path: Path) -> None:
    # Given the two files of the page
    source, site = tmp_path / "source", tmp_path / "site"
    source.mkdir()
    [code], [project] = shown("python"), shown("toml")
    (source / "own_metric.py").write_text(code)
    (source / "pyproject.toml").write_text(project)
    install, *commands = [line for block in shown("") for line in block.splitlines()]
    # If the package is installed by the page's command, into a folder of its own
    where = ["--no-index", "--quiet", "--disable-pip-version-check", "--target", str(site)]
    subprocess.run([sys.executable, "-m", *shlex.split(install), *where], cwd=source, env=os.environ.copy(), check=True)
    # And every further command is given on a fleet that has it, the training with a budget of two versions
    with TinyStack(settings, site, trainers=1):
        for line in commands:
            _, *arguments = shlex.split(line)
            budget = BUDGET if arguments[0] == "submit" else []
            answer = phiforge(settings, *arguments, *budget, site=site)
            # I expect each to end well.
            assert answer.returncode == 0, (line, answer.stdout, answer.stderr)
