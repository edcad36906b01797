"""A suggested spec fits into the time that there is, by what a version takes on this machine."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from phiforge.base.settings import Settings
from phiforge.spec.read import parse_spec
from phiforge_client.data.budget import FEWEST, MOST, Budget, measured_seconds, typical_seconds
from phiforge_client.data.inspection import inspect
from tests.pictures import draw_classes


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of a dozen classes."""
    return draw_classes(tmp_path_factory.mktemp("some") / "pictures", classes=12, pictures=4)


def versions(place: Path, minutes: float, processors: int, seconds: float) -> int:
    """Return how many versions a suggested spec has."""
    found = inspect(Settings(), place, lambda *_: None, "", 0, Budget(minutes, processors), lambda spec: seconds)
    assert found.spec
    assert parse_spec(found.spec)
    return int(found.spec["outer"]["versions"])


def test_a_spec_fits_into_its_minutes(pictures: Path) -> None:
    # Given what a version takes, I expect no more versions than the processors have time for, and nearly as many;
    for minutes, processors, seconds in ((15, 2, 0.5), (15, 1, 0.5), (60, 2, 1.0)):
        found = versions(pictures, minutes, processors, seconds)
        assert minutes * 60 * processors / 2 < found * seconds < minutes * 60 * processors
    # of many processors only as many as a version has jobs, as no trainer can help another with one;
    assert versions(pictures, 60, 8, 1.0) == versions(pictures, 60, 2, 1.0)
    # twice the time, twice the versions; and bounds for what is far too slow or fast.
    assert versions(pictures, 30, 2, 0.5) == pytest.approx(2 * versions(pictures, 15, 2, 0.5), abs=100)
    assert versions(pictures, 1, 1, 1000.0) == FEWEST
    assert versions(pictures, 1000, 64, 0.001) == MOST


def test_what_a_version_takes_is_measured(pictures: Path) -> None:
    # Given a suggested spec, if a version is timed here, I expect a larger image to take longer, as is guessed without.
    found = inspect(Settings(), pictures, lambda *_: None).spec
    assert found
    larger = found | {"data": found["data"] | {"image_size": 2 * found["data"]["image_size"]}}
    assert 0 < measured_seconds(found) < measured_seconds(larger)
    assert typical_seconds(larger) == 4 * typical_seconds(found)


def test_more_time_lets_images_be_finer(tmp_path: Path) -> None:
    # Given pictures of 200 pixels a side, I expect finer images where there is more time for as many versions,
    place = draw_classes(tmp_path / "large", classes=40, pictures=7, side=200)
    of = {
        minutes: inspect(Settings(), place, lambda *_: None, "", 0, Budget(minutes, 2)).spec for minutes in (5, 15, 600)
    }
    sizes = [each["data"]["image_size"] for each in of.values() if each]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1] == 64
    # and the same as ever of pictures that are small themselves.
    small = inspect(Settings(), draw_classes(tmp_path / "small", classes=40, pictures=7, side=30), lambda *_: None).spec
    assert small
    assert small["data"]["image_size"] == 28


def suggested(place: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Return what `phiforge data suggest` of a place says."""
    command = [sys.executable, "-m", "phiforge_client.cli", "data", "suggest", str(place), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_too_few_minutes_are_told(tmp_path: Path) -> None:
    # Given pictures that are slow to learn, if a minute is given, I expect the fewest versions, and to be told so.
    place = draw_classes(tmp_path / "large", classes=60, pictures=7, side=64)
    done = suggested(place, "--minutes", "1", "--trainers", "1")
    assert yaml.safe_load(done.stdout)["outer"]["versions"] == FEWEST
    assert f"{FEWEST} versions are the fewest that are suggested; they may take longer than --minutes 1" in done.stderr


def test_vectors_are_inspected(tmp_path: Path) -> None:
    # Given a file of vectors, if a spec for pictures is asked for, I expect to be told by what to get one.
    done = suggested(tmp_path / "words.npz")
    assert done.returncode == 1
    assert f"holds vectors: `phiforge data inspect {tmp_path / 'words.npz'}` suggests a spec" in done.stderr


def test_the_command(pictures: Path, tmp_path: Path) -> None:
    # Given pictures, if a spec is asked for, I expect a file that can be submitted, and to be told how; not twice.
    out = tmp_path / "suggested.yaml"
    done = suggested(pictures, "--minutes", "2", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert f"phiforge submit {out}" in done.stdout.replace("\n", "")
    spec = parse_spec(yaml.safe_load(out.read_text()))
    assert spec.data.name == "images"
    again = suggested(pictures, "--minutes", "2", "--out", str(out))
    assert again.returncode == 1
    assert "is there already" in again.stderr
