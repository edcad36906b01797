"""What a job contributes is the same to the bit in every process, for every learner and engine."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

from phiforge.learning.learners import LEARNERS
from phiforge.spec.task import Engine
from tests.contributions import serves

ROOT = Path(__file__).parents[2]


def printed() -> list[str]:
    command = [sys.executable, "-m", "tests.contributions"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def test_every_process_contributes_the_same():
    # Given one job of each learner, and processes that order names and lay out memory in their own ways
    found = [printed() for _ in range(3)]
    # I expect the same bytes from all.
    assert len(found[0]) == sum(serves(engine, each) for engine in get_args(Engine) for each in LEARNERS.values())
    assert found[1] == found[0]
    assert found[2] == found[0]
