"""Fleets of real processes, some of whose samplers lack a package that brings the tasks of a run."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge_client.processes import free_port
from phiforge_client.stack import Stack
from tests.badinput.conftest import waves
from tests.fleet import wait_for_end, wait_until

pytestmark = [pytest.mark.services, pytest.mark.slow]

MODULE = '''
"""Tasks that phiforge does not have: sinusoids under another name."""

from typing import Literal

from phiforge.registry import PartConfig
from phiforge.tasks.families.bases.family import TaskFamily
from phiforge.tasks.families.sinusoid import Sinusoid, SinusoidData


class RipplesData(PartConfig):
    name: Literal["ripples"] = "ripples"


class Ripples(TaskFamily):
    Config = RipplesData
    regression = True
    chooses_by = "loss"

    @classmethod
    def input_shape(cls, config):
        return (1,)

    def sample(self, split, task, episodes, *seed):
        return Sinusoid(SinusoidData()).sample(split, task, episodes, *seed)
'''


def install(place: Path) -> None:
    """Lay a package into ``place`` as pip would."""
    about = place / "ripples-1.0.dist-info"
    about.mkdir(parents=True)
    (place / "ripples.py").write_text(MODULE)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ripples\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[phiforge.families]\nripples = ripples:Ripples\n")


class PartlyInstalled(Stack):
    """A stack in which the package is installed for all but the first sampler."""

    @property
    def place(self) -> Path:
        """Where the package is."""
        return self.settings.home / "installed"

    def environment(self, name: str) -> dict[str, str]:
        """Let Python find the package, or not."""
        return {} if name == "sampler-0" else {"PYTHONPATH": str(self.place)}

    def submit(self, raw: dict[str, object]) -> str:
        """Submit a run where the package is installed, which this process is not, and return its id."""
        file = self.settings.home / "spec.yaml"
        file.write_text(yaml.safe_dump(raw))
        environment = self._environment(free_port()) | self.environment("client")
        command = [sys.executable, "-m", "phiforge_client.cli", "submit", str(file)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.split()[1].rstrip(";")


@pytest.mark.parametrize("samplers", [2, 1])
def test_samplers_without_the_package(settings: Settings, samplers: int) -> None:
    # Given a run whose tasks a package brings, and a sampler without it, beside one that has it or alone
    install(settings.home / "installed")
    platform = Platform.open(settings.model_copy(update={"lease_seconds": 60.0 if samplers == 2 else 2.0}))
    with PartlyInstalled(platform.settings, trainers=1, samplers=samplers) as stack:
        run = stack.submit(waves(data={"name": "ripples"}))
        end = wait_for_end(platform, run)
        # I expect the one that has it to do its work,
        if samplers == 2:
            assert end == "complete"
            wait_until(lambda: run not in platform.record.active(), "its retirement", stack)
        # or, where nobody has it, the run to fail with what is to be installed, and to be put to rest.
        else:
            assert end == "failed"
            reason = platform.record.end_reason(run, "failed")
            assert reason.startswith("no sampler of this fleet can do its work: 1: ")
            assert "lacks" in reason
            assert "'ripples'" in reason
            wait_until(lambda: run not in platform.record.active(), "its retirement", stack)
            wait_until(lambda: not platform.exchange.waiting(platform.queue.name("sampling")), "an empty queue", stack)
        stack.check()
    platform.close()
