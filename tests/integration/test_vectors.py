"""A person's own vectors, from the file to predictions: inspected, submitted, trained, reported, explained."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phiforge.base.errors import DataError
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.prediction.opening import load
from phiforge_client.submission import submit
from phiforge_client.why import where, why
from tests.fleet import command_line, fleet, small_spec, wait_for_end

pytestmark = pytest.mark.services

DIMENSIONS, CLASSES, EACH = 12, 30, 8


def centres() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((CLASSES, DIMENSIONS))


def vectors_of(number: int, count: int, seed: int) -> np.ndarray:
    """Return vectors of a class: about its centre."""
    noise = np.random.default_rng((number, seed)).standard_normal((count, DIMENSIONS))
    return (centres()[number] + 0.4 * noise).astype(np.float32)


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty classes of eight vectors."""
    place = tmp_path_factory.mktemp("vectors") / "words.npz"
    features = np.concatenate([vectors_of(number, EACH, 0) for number in range(CLASSES)])
    labels = np.repeat([f"word {number:02d}" for number in range(CLASSES)], EACH)
    np.savez(place, features=features, labels=labels)
    return place


@pytest.fixture(scope="module")
def settings(redis_server: Any, tmp_path_factory: pytest.TempPathFactory, words: Path) -> Settings:
    home = tmp_path_factory.mktemp("fleet")
    return Settings(home=home, redis_url=redis_server.url, namespace="vectors", features=words)


@pytest.fixture(scope="module")
def platform(settings: Settings) -> Iterator[Platform]:
    with fleet(settings) as platform:
        yield platform


@pytest.fixture(scope="module")
def run(platform: Platform) -> str:
    """A run on the vectors, with wrong labels in it, that came to its end."""
    spec = small_spec(
        data={"name": "features", "dimensions": DIMENSIONS, "validation": 0.2, "test": 0.2},
        learner={"name": "meta_weight_net", "inner_steps": 2, "network": {"name": "mlp", "width": 16}},
        task={"n_way": 5, "k_shot": 5, "n_query": 3},
        sampling={"label_noise": 0.2},
    )
    submitted = submit(platform, spec)
    assert wait_for_end(platform, submitted) == "complete"
    return submitted


@pytest.fixture
def phiforge(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The command line, in an empty folder, on the store of the fleet."""
    return command_line(settings, monkeypatch, tmp_path)


def test_a_run_on_vectors(platform: Platform, run: str) -> None:
    # Given classes that lie well apart, a fifth of whose support labels are wrong, I expect more than chance, a fifth.
    assert platform.record.report(run)["test"]["accuracy"] > 0.3


def test_lineage_names_rows_and_wrong_labels(platform: Platform, run: str, words: Path) -> None:
    # Given a version, I expect each example to name its row of the file, and each wrong label the class it stands for.
    labels = np.load(words)["labels"].tolist()
    [episode, *_] = why(platform, run, 3).jobs[1].episodes
    for item in (*episode.support, *episode.query):
        assert labels[int(item.file.removeprefix("words.npz[").removesuffix("]"))] == item.name
    wrong = [item for item in episode.support if item.labelled]
    assert len(wrong) == 5
    assert all(item.labelled in labels and item.labelled != item.name for item in wrong)
    assert not any(item.labelled for item in episode.query)
    # and the way back to say the same.
    back = where(platform, run, wrong[0].name, wrong[0].drawing).appearances
    assert (3, 1, 0, "support", wrong[0]) in [tuple(each) for _, each in back]


def test_a_report_of_vectors_shows_no_pictures_of_them(phiforge: Any, run: str, tmp_path: Path) -> None:
    result = phiforge("report", run, "--out", "out")
    assert result.exit_code == 0, result.output
    assert {path.stem for path in (tmp_path / "out").glob("*.png")} >= {"accuracy-by-tasks"}
    assert not list((tmp_path / "out").glob("*task-*.png"))


def test_predictions_on_vectors(settings: Settings, run: str) -> None:
    # Given new vectors of classes with known centres, I expect most to be told right.
    model = load(run, settings=settings)
    numbers = range(5)
    classifier = model.adapt({f"word {number}": vectors_of(number, 5, 7) for number in numbers})
    said = [each.label for number in numbers for each in classifier.predict(vectors_of(number, 4, 8))]
    right = [f"word {number}" for number in numbers for _ in range(4)]
    assert np.mean([one == other for one, other in zip(said, right, strict=True)]) > 0.3
    # Vectors are taken as they are, whatever their range; one that is no number is refused.
    with pytest.raises(DataError, match="has numbers that are not finite"):
        classifier.predict(np.full((1, DIMENSIONS), np.inf, np.float32))


def test_inspection(phiforge: Any, words: Path, tmp_path: Path) -> None:
    # Given a file that is well, I expect what it carries and a spec that is accepted for it.
    result = phiforge("data", "inspect", str(words), "--spec", "words.yaml")
    assert result.exit_code == 0, result.output
    assert "240 vectors of 12 numbers, in 30 classes" in result.output
    found = json.loads(phiforge("data", "inspect", str(words), "--json").output)
    assert [(each["split"], each["classes"], each["most_shots"]) for each in found["carries"]] == [
        ("train", 18, 7),
        ("validation", 6, 7),
        ("test", 6, 7),
    ]
    assert "PHIFORGE_FEATURES=" in result.output
    assert "dimensions: 12" in (tmp_path / "words.yaml").read_text()
    # Given one with a number that is none, I expect the problem, exit code 1 and no spec.
    features = np.load(words)["features"]
    features[3, 2] = np.nan
    np.savez(tmp_path / "bad.npz", features=features, labels=np.load(words)["labels"])
    result = phiforge("data", "inspect", "bad.npz", "--spec", "bad.yaml")
    assert result.exit_code == 1
    assert "problem: 1 vector is not finite, in row 3" in result.output
    assert not (tmp_path / "bad.yaml").exists()
