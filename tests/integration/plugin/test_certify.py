"""Installed parts are certified as ours are, by the command that users have."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from phiforge.base.settings import Settings
from tests.integration.plugin.tiny import phiforge, seeing

pytestmark = pytest.mark.services


NAMES = ("diagonal_means", "smoothed", "wide", "lion", "parabolas", "shapes", "brier", "edges", "best_two")
FAILED = f"""
from phiforge.certify.run import certify
print([(name, each.proof.name) for name in {NAMES} for each in certify(name) if not each.holds])
"""


@pytest.mark.slow
def test_every_part_of_the_package(site: Path) -> None:
    # Given installed parts of every kind, if they are certified, I expect every proof to hold.
    command = [sys.executable, "-c", FAILED]
    answer = subprocess.run(command, env=os.environ | seeing(site), capture_output=True, text=True, timeout=240)
    assert (answer.stdout, answer.stderr) == ("[]\n", "")


@pytest.mark.slow
def test_proofs_of_its_own(settings: Settings, site: Path) -> None:
    # Given a part that adds a proof, if it is certified by the command
    answer = phiforge(settings, "certify", "diagonal_means", site=site)
    # I expect that proof among the others, and a good end.
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "a heavier feature counts for more" in answer.stdout
    assert "13 of 13 proofs hold" in answer.stdout


def test_a_part_that_is_not_installed(settings: Settings) -> None:
    # Given no such package, if its part is certified, I expect to be told what there is.
    answer = phiforge(settings, "certify", "lion")
    assert answer.returncode == 1
    assert "no part is called 'lion' here" in answer.stderr
    assert "optimizer: adam, sgd" in answer.stderr
