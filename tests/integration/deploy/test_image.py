"""The image is locked, audited, runs as nobody special and holds every package."""

import re
import runpy
import tomllib
from typing import Any

import pytest

from tests.integration.deploy.files import ROOT

CLEAN = {"name": "a", "version": "1", "vulns": []}
SKIPPED = {"name": "b", "skip_reason": "not found"}
HOLED = {"name": "c", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
AUDITS = [
    ([CLEAN], "1 of 1 packages audited, 0 vulnerable"),
    ([CLEAN, SKIPPED], "NOT AUDITED: 1 packages (not found)"),
    ([SKIPPED], "0 of 1 packages audited"),
    ([CLEAN, HOLED], "VULNERABLE c 2: PYSEC-1, mended in 3"),
]


@pytest.mark.parametrize(("packages", "verdict"), AUDITS)
def test_an_audit_counts_what_nobody_answered_for(packages: list[dict[str, Any]], verdict: str) -> None:
    # Given an answer of pip-audit, which exits with 0 when it passed over every package, I expect it in plain words.
    read_answer = runpy.run_path(str(ROOT / "deploy" / "audit.py"))["read"]
    assert verdict in read_answer({"dependencies": packages}).sentence


def test_the_image_is_locked_and_runs_as_nobody_special() -> None:
    instructions = re.sub(r"\\\n", " ", (ROOT / "deploy" / "Dockerfile").read_text())
    lines = [line.split(maxsplit=1) for line in instructions.splitlines() if line and not line.startswith("#")]
    by_word = {word: [rest for name, rest in lines if name == word] for word, _ in lines}
    assert {rest.split()[0] for rest in by_word["FROM"]} == {"python:3.11-slim-bookworm"}
    assert "pip install --requirement requirements.lock" in by_word["RUN"]
    assert by_word["ARG"] == ["PIP_INDEX_URL=", "PIP_EXTRA_INDEX_URL="]
    assert by_word["ENTRYPOINT"] == ['["phiforge"]']
    user, _, group = by_word["USER"][-1].partition(":")
    assert int(user) >= 1000
    assert int(group) >= 1000


def test_the_image_holds_what_its_commands_need() -> None:
    # Given the packages of the extras that commands of the image need, I expect each to be locked in it.
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    needed = {
        re.split(r"[<>=\[]", each)[0].lower() for name in ("embedded", "search", "serve") for each in extras[name]
    }
    locked = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text().lower(), re.MULTILINE))
    assert needed <= locked


def test_what_the_image_copies_is_sent_to_the_builder() -> None:
    # Given what the image copies from the repository
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    copied = {
        name for line in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.MULTILINE) for name in line.split()
    }
    # I expect it to be there, to be let through by .dockerignore, which lets nothing else through,
    sent = set(re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert copied == sent
    assert all((ROOT / name).exists() for name in copied)
    # what packages link to, such as the ready-made specs, to be there before they are installed,
    before = dockerfile.partition("RUN pip install --no-deps")[0]
    for link in (path for name in copied for path in (ROOT / name).rglob("*") if path.is_symlink()):
        [outside] = [name for name in copied if link.resolve().is_relative_to(ROOT / name)]
        assert f"COPY {outside} {outside}\n" in before, link
    # and to hold every package of the project.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    assert project["include"] == ["phiforge*"]
    assert {*project["where"], "phiforge"} - {"."} <= copied
