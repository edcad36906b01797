"""A run on a backbone from a file, by a fleet that never saw the file: trained, judged, used; the same on any fleet."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.learning.networks.bases.pretrained.made_up import made_up
from phiforge_client.stack import Stack
from phiforge_client.submission import submit
from tests.fleet import command_line, hashes, small_spec, wait_for_end

pytestmark = pytest.mark.services

SPEC = small_spec(
    learner={"name": "prototypical", "network": {"name": "pretrained", "weights": "mine", "image_side": 32}},
    outer={"versions": 6, "meta_batch": 4},
    evaluation={"every": 3, "validation_tasks": 5, "test_tasks": 5},
    checkpoint={"every": 3},
)


@pytest.fixture(scope="module")
def settings(redis_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("fleet"), redis_url=redis_server.url, namespace="pretrained")


@pytest.fixture(scope="module")
def platform(settings: Settings) -> Iterator[Platform]:
    platform = Platform.open(settings)
    yield platform
    platform.close()


@pytest.fixture(scope="module")
def runs(platform: Platform, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two runs of one spec, by one trainer and by two, whose workers have no file of weights but the store's."""
    folder = tmp_path_factory.mktemp("weights")
    (folder / "mine.safetensors").write_bytes(made_up())
    with_file = Platform.open(settings.model_copy(update={"weights": folder}))
    found = []
    for trainers in (1, 2):
        found.append(submit(with_file, SPEC))
        with Stack(settings, trainers=trainers):
            assert wait_for_end(platform, found[-1]) == "complete", platform.record.status(found[-1])
    with_file.close()
    (folder / "mine.safetensors").unlink()
    return found


def test_the_same_phi_on_any_fleet(platform: Platform, runs: list[str]) -> None:
    # Given the same spec trained by one and by two, I expect the same φ at every version, which was moved.
    first, second = (hashes(platform, run) for run in runs)
    assert first == second
    assert len(set(first.values())) == SPEC["outer"]["versions"] == len(first)


def test_the_run_is_verified_and_used(
    platform: Platform, runs: list[str], settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Given the end of a run, if its versions are computed again and its φ is judged on other tasks
    run = command_line(settings, monkeypatch, tmp_path)
    verified = run("verify", runs[0], "--all", "--json")
    assert verified.exit_code == 0, verified.output
    judged = run("evaluate", runs[0], "--set", "evaluation.test_tasks=4", "--json")
    # I expect both to find the weights where the run put them, which its spec names by their digest.
    assert judged.exit_code == 0, judged.output
    network = platform.run(runs[0]).spec.to_json()["learner"]["network"]
    assert (network["weights"], len(network["digest"])) == ("mine", 64)
    assert json.loads(judged.output)
