"""The newcomer's first command as most will type it: installed from the wheel, far from any checkout."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from tests.environments import linked, pip_for
from tests.servers import missing
from tests.thorough import NIGHTLY

pytestmark = [pytest.mark.services, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
SOURCES = (
    "phiforge",
    "client",
    "sampler",
    "trainer",
    "evaluator",
    "server",
    "specs",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)
"""What a wheel is made of."""
LOCK = ROOT / "requirements.lock"
ROW = re.compile(r"(pixel nearest neighbour|from scratch|ProtoNet|MAML)\D+([\d.]+) ± ([\d.]+) %")


def call(*command: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a command that must end well, and return what it printed."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the sources."""
    sources, built = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        here, there = ROOT / name, sources / name
        if here.is_dir():
            shutil.copytree(here, there, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(here, there)
    call(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", built, sources)
    [found] = built.glob("*.whl")
    return found


def from_an_index(folder: Path) -> None:
    """Make an environment as a newcomer does, of what is downloaded."""
    call(sys.executable, "-m", "venv", folder)
    try:
        call(folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--requirement", LOCK)
    except AssertionError as error:
        missing(f"the index of packages cannot be reached: {error}")


def of_what_is_here(folder: Path) -> None:
    """Make the same of the packages that are here, without a download."""
    linked(folder, LOCK)


@pytest.fixture(scope="module", params=[of_what_is_here, pytest.param(from_an_index, marks=NIGHTLY)])
def installed(request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the wheel, what it needs, and nothing else."""
    environment = tmp_path_factory.mktemp("environment")
    request.param(environment)
    call(*pip_for(environment), "install", "--quiet", "--no-deps", wheel)
    call(*pip_for(environment), "check")  # the lock names all that is needed
    return environment / "bin"


def test_it_brings_packages_of_its_own_name_alone(wheel: Path) -> None:
    # Given the wheel, I expect all it puts into an environment to be called by the project's name,
    with zipfile.ZipFile(wheel) as archive:
        names = [PurePosixPath(name) for name in archive.namelist()]
    assert {name.parts[0].partition("-")[0].partition("_")[0] for name in names} == {"phiforge"}
    # and every ready-made spec, and every script, to be in it.
    there = {name.name for name in names}
    for pattern in ("specs/*.yaml", "phiforge/**/*.lua"):
        assert {path.name for path in ROOT.glob(pattern)} <= there


@pytest.mark.timeout(900)
def test_the_demo_beats_its_baselines(installed: Path, tmp_path: Path) -> None:
    # Given an environment with the wheel, an empty folder, and no other program than those of the environment, if the
    # demo is run,
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PHIFORGE_", "PYTHON"))}
    own |= {"PATH": str(installed), "OMP_NUM_THREADS": "1"}
    answer = call(installed / "phiforge", "demo", cwd=tmp_path, env=own, timeout=400)
    # I expect both learners clear of both baselines: the intervals do not touch,
    rows = {name: (float(mean), float(half)) for name, mean, half in ROW.findall(answer.stdout)}
    assert len(rows) == 4, answer.stdout
    ceiling = max(sum(rows[name]) for name in ("pixel nearest neighbour", "from scratch"))
    for name in ("ProtoNet", "MAML"):
        mean, half = rows[name]
        assert mean - half > ceiling, rows
    # what it names to be there: a plot, the metrics of every service,
    plot = Path(re.findall(r"plot\s+(\S+)", answer.stdout)[0])
    assert (tmp_path / plot).read_bytes().startswith(b"\x89PNG")
    metrics = tmp_path / re.findall(r"metrics\s+(\S+)", answer.stdout)[0]
    assert {"sampler-0.prom", "trainer-0.prom", "evaluator-0.prom"} <= {page.name for page in metrics.iterdir()}
    # and the specs that it recommends to be there too.
    assert "omniglot-maml-5w1s" in call(installed / "phiforge", "specs", cwd=tmp_path, env=own).stdout
    printed = call(installed / "phiforge", "specs", "demo-maml", cwd=tmp_path, env=own).stdout
    assert printed == (ROOT / "specs" / "demo-maml.yaml").read_text()
