"""The package of parts in ``tests/plugin``, installed as a user would, and the command where it is there."""

import os
import shutil
import subprocess
import sys
from collections.abc import Container
from pathlib import Path
from typing import Any

from phiforge.base.settings import Settings
from phiforge_client.stack import Stack

ROOT = Path(__file__).resolve().parents[3]
SHAPES: dict[str, Any] = {
    "name": "tiny-shapes",
    "data": {"name": "shapes", "drawings": 8},
    "task": {"n_way": 5, "k_shot": 1, "n_query": 3},
    "learner": {"name": "diagonal_means", "weight": 0.5, "network": {"name": "wide", "width": 32}},
    "estimator": {"name": "smoothed", "sigma": 0.02},
    "outer": {"versions": 8, "meta_batch": 8, "job_size": 2, "optimizer": {"name": "lion", "beta1": 0.8}, "lr": 1e-3},
    "checkpoint": {"every": 4},
    "evaluation": {"every": 4, "validation_tasks": 10, "test_tasks": 20, "chunk_size": 5},
    "scores": [{"name": "brier", "temperature": 2.0}],
}
"""A run made of parts that the package brings."""
PARABOLAS: dict[str, Any] = {
    **SHAPES,
    "name": "tiny-parabolas",
    "data": {"name": "parabolas", "height": 2.0},
    "task": {"n_way": 1, "k_shot": 10, "n_query": 10},
    "learner": {"name": "maml", "inner_lr": 0.01, "network": {"name": "wide", "width": 32}},
    "scores": [],
}
"""A run of its family of tasks, by a learner of ours on its network."""


def install(source: Path, site: Path) -> None:
    """Install a copy of the package, since building leaves files where it is built."""
    shutil.copytree(ROOT / "tests" / "plugin", source)
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "install", *offline, "--target", site, source], check=True)


def seeing(*folders: Path) -> dict[str, str]:
    """Return what lets a process import from ``folders``, and Phiforge from here."""
    return {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, *folders)))}


def phiforge(settings: Settings, *arguments: str, site: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command on a fleet, where the package is installed or not."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PHIFORGE_")}
    own = {"HOME": str(settings.home), "REDIS_URL": settings.redis_url, "NAMESPACE": settings.namespace}
    environment = kept | {f"PHIFORGE_{name}": value for name, value in own.items()}
    return subprocess.run(
        [sys.executable, "-m", "phiforge_client.cli", *arguments],
        env=environment | seeing(*([site] if site else [])) | {"COLUMNS": "400", "NO_COLOR": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )


class TinyStack(Stack):
    """A fleet with the package, but for the services named in ``without``."""

    def __init__(self, settings: Settings, site: Path, trainers: int, without: Container[str] = ()) -> None:
        super().__init__(settings, trainers)
        self._site, self._without = site, without

    def environment(self, name: str) -> dict[str, str]:
        return seeing() if name in self._without else seeing(self._site)
