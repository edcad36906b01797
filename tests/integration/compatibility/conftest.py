"""A copy of a store that an earlier version made, and the command line on it."""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from phiforge.base.errors import ServiceError
from phiforge_client.processes import ChildProcess
from phiforge_client.servers import redis_binary
from tests.commands import Commands
from tests.servers import missing

ASSETS = Path(__file__).parents[2] / "assets" / "stores"
EXPECTED: dict[str, Any] = json.loads((ASSETS / "schema-1.json").read_text())
RUNS: dict[str, dict[str, Any]] = EXPECTED["store"]

Command = Callable[..., subprocess.CompletedProcess[str]]
"""Runs ``phiforge`` on the copy, rounding as where the store was made."""


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose store is the old one."""
    home = tmp_path_factory.mktemp("old")
    with tarfile.open(ASSETS / "schema-1.tar.gz") as archive:
        archive.extractall(home / "store", filter="data")
    return home


@pytest.fixture(scope="package")
def environment(home: Path) -> dict[str, str]:
    """What lets processors round as alike as they can, set before torch is loaded, as where the store was made."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PHIFORGE_")}
    return kept | EXPECTED["environment"] | {"PHIFORGE_HOME": str(home), "COLUMNS": "200", "NO_COLOR": "1"}


@pytest.fixture(scope="package")
def phiforge(environment: dict[str, str]) -> Iterator[Command]:
    """The command line on the copy."""
    with Commands(environment) as commands:
        yield partial(commands, environment=environment, seconds=240)


@pytest.fixture(scope="package")
def fleet(home: Path, environment: dict[str, str]) -> Iterator[ChildProcess]:
    """``phiforge up`` with two trainers on the copy."""
    try:
        redis_binary()
    except ServiceError as error:
        missing(str(error))
    command = [sys.executable, "-m", "phiforge_client.cli", "up", "--trainers", "2"]
    process = ChildProcess(command, home / "up.log", environment)
    process.wait_until_ready(lambda: "ready:" in process.log.read_text(), 60)
    yield process
    process.terminate(15)


@pytest.fixture(scope="package")
def rounds_alike(phiforge: Command) -> bool:
    """Whether this processor rounds as that which made the store: else hashes of sums may differ in the last bits."""
    return phiforge("verify", RUNS["store-synchronous"]["run"], "--all").returncode == 0
