"""Clocks that jump."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from phiforge_client.chaos.clocks import Clocks, faketime_library
from phiforge_client.chaos.stage import Stage
from tests.chaos.conftest import Disturb
from tests.servers import require

pytestmark = pytest.mark.services


PROGRAM = "import time; began = time.monotonic(); time.sleep(0.2); print(time.time(), time.monotonic() - began)"


def test_a_program_under_another_clock_sleeps_as_ever(tmp_path: Path) -> None:
    # Given a program whose clock is put two hours back
    library = faketime_library()
    require(library and str(library), "there is no libfaketime: apt-get install libfaketime")
    clocks = Clocks(Path(str(library)), tmp_path)
    clocks.set("program", -7200)
    # If it sleeps
    environment = {**os.environ, **clocks.environment("program")}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    now, slept = map(float, done.stdout.split())
    # I expect its wall clock to be wrong, and its sleep to be as long as it was asked for.
    assert 7000 < time.time() - now < 7400
    assert 0.2 <= slept < 5


def test_of_redis(on_folder: Stage, disturb: Disturb) -> None:
    # Given a run
    # If the clock of Redis jumps by seconds and by hours, ahead and back, I expect the same φ at every version.
    disturb(on_folder, *["jump-redis-clock"] * 4, apart=10)


def test_of_services(on_folder: Stage, disturb: Disturb) -> None:
    # Given a run and services whose clocks can be set
    library = faketime_library()
    require(library and str(library), "there is no libfaketime: apt-get install libfaketime")
    # If the clocks of a trainer and of a sampler jump by hours, I expect the same.
    disturb(on_folder, "jump-clocks")
