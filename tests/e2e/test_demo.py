"""The newcomer's first command, whole."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.test_cli import environment

pytestmark = [pytest.mark.services, pytest.mark.slow]

ROW = re.compile(r"(pixel nearest neighbour|from scratch|ProtoNet|MAML)\D+([\d.]+) ± ([\d.]+) %")


@pytest.mark.timeout(420)
def test_the_demo_beats_its_baselines(tmp_path: Path) -> None:
    # Given nothing, if the demo is run
    command = [sys.executable, "-m", "phiforge_client.cli", "demo"]
    answer = subprocess.run(command, env=environment(tmp_path), capture_output=True, text=True, timeout=400)
    assert answer.returncode == 0, answer.stderr
    # I expect both learners clear of both baselines: the intervals do not touch,
    rows = {name: (float(mean), float(half)) for name, mean, half in ROW.findall(answer.stdout)}
    assert len(rows) == 4, answer.stdout
    ceiling = max(sum(rows[name]) for name in ("pixel nearest neighbour", "from scratch"))
    for name in ("ProtoNet", "MAML"):
        mean, half = rows[name]
        assert mean - half > ceiling, rows
    # and what it names to be there: a plot, the metrics of every service.
    plot = Path(re.findall(r"plot\s+(\S+)", answer.stdout)[0])
    assert plot.read_bytes().startswith(b"\x89PNG")
    metrics = Path(re.findall(r"metrics\s+(\S+)", answer.stdout)[0])
    assert {"sampler-0.prom", "trainer-0.prom", "evaluator-0.prom"} <= {page.name for page in metrics.iterdir()}
