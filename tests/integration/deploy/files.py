"""The files of the deployment, how they are read, and the programs that check them."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
PROMETHEUS = ROOT / "deploy" / "prometheus"
SERVICES = ("sampler", "trainer", "evaluator")
ONE_OFF = "client"
SERVE = "serve"
"""The service of predictions, which knows object storage alone."""


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def rules(kind: str) -> list[dict[str, Any]]:
    """Return the rules of one kind: ``alert`` or ``record``."""
    return [rule for group in read(PROMETHEUS / "rules.yml")["groups"] for rule in group["rules"] if kind in rule]


def run(*command: str | Path) -> None:
    """Run a program; its output is shown if it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
