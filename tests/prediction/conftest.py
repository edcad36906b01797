"""Runs that were learned once for all tests of this folder, and letters that no run has seen drawn like this."""

from collections.abc import Callable
from pathlib import Path

import pytest

from phiforge.base.settings import Settings
from phiforge.prediction.model import Model
from phiforge.prediction.opening import load
from phiforge.runs.store import LocalStore
from tests.prediction.drawn import folders
from tests.prediction.learned import learn, spec

CONV = {"name": "conv4", "channels": 16}
LEARNERS = {
    "proto": {"name": "prototypical", "network": CONV},
    "running": {"name": "prototypical", "network": CONV | {"norm": "running"}},
    "maml": {"name": "maml", "inner_lr": 0.1, "inner_steps": 2, "network": CONV},
}


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The local state of one person, who has learned something."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def settings(home: Path) -> Settings:
    """Where these runs are: a folder, and nothing else."""
    return Settings(home=home)


@pytest.fixture(scope="session")
def runs(home: Path) -> Callable[[str], str]:
    """Return the run of a learner by its name above, learned when it is first asked for."""
    known: dict[str, str] = {}

    def run(name: str) -> str:
        if name not in known:
            known[name] = learn(LocalStore(home / "store"), spec(name, LEARNERS[name]))
        return known[name]

    return run


@pytest.fixture(scope="session")
def model(runs: Callable[[str], str], settings: Settings) -> Callable[[str], Model]:
    """Return the model of a learner by its name above."""
    return lambda name: load(runs(name), settings=settings)


@pytest.fixture(scope="session")
def support(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five letters, two pictures of each."""
    return folders(tmp_path_factory.mktemp("support"), "AKOTX", range(2))


@pytest.fixture(scope="session")
def query(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four other pictures of each of the same letters."""
    return folders(tmp_path_factory.mktemp("query"), "AKOTX", range(2, 6))
