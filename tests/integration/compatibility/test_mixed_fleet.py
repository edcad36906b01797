"""Workers of an earlier version and of this one in one fleet, on one run."""

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge_client.processes import ChildProcess, free_port
from phiforge_client.stack import Stack
from phiforge_client.submission import cancel, submit
from phiforge_client.verification import verify
from tests.fleet import hashes, small_spec, wait_until

pytestmark = pytest.mark.services

ROOT = Path(__file__).parents[3]
EARLIER = "61eec5c"
"""The last commit before specs had a schema."""
STALE = {"consistency": "bounded_staleness", "staleness": 2}


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of an earlier version, out of the history of this one."""
    command = ["git", "-C", str(ROOT), "archive", EARLIER, "phiforge", "trainer", "sampler", "evaluator", "client"]
    found = subprocess.run(command, capture_output=True)
    if found.returncode:
        pytest.skip(f"the history does not reach back to {EARLIER}: {found.stderr.decode().strip()}")
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(fileobj=io.BytesIO(found.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture
def old_trainer(settings: Settings, earlier: Path, tmp_path: Path) -> Iterator[ChildProcess]:
    """A trainer of the earlier version in the fleet of ``settings``."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PHIFORGE_")}
    own |= {f"PHIFORGE_{name}": value for name, value in {
        "HOME": str(settings.home.resolve()),
        "REDIS_URL": settings.redis_url,
        "STORE_URL": settings.object_store_url,
        "NAMESPACE": settings.namespace,
        "METRICS_PORT": str(free_port()),
    }.items()}  # fmt: skip
    code = f"import sys; sys.path.insert(0, {str(earlier)!r}); from client.cli import main; main()"
    process = ChildProcess([sys.executable, "-P", "-c", code, "trainer"], tmp_path / "earlier.log", own)
    wait_until(lambda: "metrics on" in process.log.read_text() or not process.alive, "the earlier trainer")
    assert process.alive, process.log.read_text()
    yield process
    process.terminate(15)


def workers_of(platform: Platform, run: str) -> set[str]:
    """Return who computed a contribution of ``run``."""
    return {job["worker"] for entry in platform.record.log(run) for job in entry["observed"]["jobs"]}


def hashes_so_far(platform: Platform, run: str, enough: Callable[[], bool]) -> dict[int, str]:
    """Let ``run`` go on until it is ``enough``, stop it, and return the hash of φ at each version it came to."""
    wait_until(enough, f"enough of {run}")
    cancel(platform, run)
    return hashes(platform, run)


@pytest.mark.parametrize("consistency", [{}, STALE], ids=["synchronous", "bounded_staleness"])
def test_they_come_to_the_same_phi(settings: Settings, old_trainer: ChildProcess, consistency: dict) -> None:
    # Given a fleet of a trainer of an earlier version and one of this, on a run that this version submitted
    # of a network that needs no compilation, during which the other trainer would do everything,
    learner = {"name": "maml", "network": {"name": "mlp"}}
    raw = small_spec(learner=learner, outer={"versions": 10_000, "meta_batch": 8, "job_size": 1}) | consistency
    with Stack(settings, trainers=1):
        platform = Platform.open(settings)
        run = submit(platform, raw)
        # if it goes on until both have had a part in it,
        found = hashes_so_far(platform, run, lambda: len(workers_of(platform, run)) == 2)
        assert any(f"-{old_trainer.pid}@" in worker for worker in workers_of(platform, run))
        # I expect every hash to come out again when it is computed by this version alone,
        assert verify(platform, run, every=True).differences == []
        # and, where the spec decides it, the φ of a run without the earlier one.
        old_trainer.terminate(15)
        if not consistency:
            alone = submit(platform, raw)
            again = hashes_so_far(platform, alone, lambda: len(hashes(platform, alone)) >= len(found))
            assert {version: again[version] for version in found} == found
        platform.close()
