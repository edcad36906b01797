"""A fleet searches an architecture, reports what was found, and trains that from φ₀."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from typer.testing import CliRunner

from phiforge.base.errors import RunError
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.learning.generators import torch_generator
from phiforge.learning.meta_training import judge
from phiforge.learning.start import learner_for
from phiforge.prediction.drawn_cells import drawn_cells
from phiforge.runs.datasets import load
from phiforge.runs.record import RunStatus
from phiforge.spec.read import parse_spec
from phiforge.tasks.drawing import Tasks
from phiforge.tasks.pool import Pool
from phiforge_client.cells.searched import found_spec, in_words
from phiforge_client.cli import app
from phiforge_client.submission import cancel, submit
from phiforge_client.verification import verify
from tests.fleet import fleet, small_spec, wait_for_end

pytestmark = pytest.mark.services

NETWORK = {"name": "relaxed_cell", "channels": 4, "stages": 2}
LEARNER = {"name": "meta_nas", "adapts": "weights", "temperature_last": 0.5, "network": NETWORK}
NORMAL = "architecture.normal"
GROUPS = [{"pattern": "architecture.*", "lr": 0.1}, {"pattern": "head.*", "lr": 0.01}]


@pytest.fixture(scope="module")
def platform(redis_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One fleet of two trainers for this file."""
    home: Path = tmp_path_factory.mktemp("fleet")
    settings = Settings(home=home, redis_url=redis_server.url, namespace="architectures", stall_seconds=1.0)
    with fleet(settings, trainers=2) as platform:
        yield platform


@pytest.fixture(scope="module")
def searched(platform: Platform) -> str:
    """A completed search by DARTS."""
    outer = {"versions": 6, "groups": GROUPS}
    run = submit(platform, spec_of(estimator={"name": "darts"}, outer=outer, learner=LEARNER))
    assert wait_for_end(platform, run) is RunStatus.COMPLETE
    return run


def spec_of(**changes: Any) -> dict[str, Any]:
    return small_spec(evaluation={"every": 6}, **changes)


def test_what_was_found_is_trained(platform: Platform, searched: str) -> None:
    # Given a search that is over, I expect its report to say each edge, and a spec that trains the discrete network
    report = platform.record.report(searched)
    assert set(report["architecture"]["edges"]["normal"]) == {"0-1", "0-2", "1-2"}
    assert searched in in_words(report)
    found = found_spec(platform.record, searched)
    assert found["learner"]["name"] == "maml"
    assert found["estimator"] == {"name": "backpropagation"}
    assert found["outer"]["groups"] == GROUPS[1:]
    assert "inner_steps_evaluation" not in found["learner"]
    # to be taken by a fleet as it is.
    run = submit(platform, found)
    assert wait_for_end(platform, run) is RunStatus.COMPLETE
    trained = platform.record.report(run)
    assert "architecture" not in trained
    assert trained["parameters"] < report["parameters"]


def test_it_comes_out_again_to_the_bit(platform: Platform, searched: str) -> None:
    # Given a search by two trainers, if it is computed again by one process, I expect the same hashes.
    found = verify(platform, searched, every=True)
    assert found.differences == []


@pytest.fixture(scope="module")
def drew(platform: Platform) -> dict[str, str]:
    """A completed search by draws for each policy."""
    learner = {"name": "prototypical", "network": NETWORK | {"norm": "batch"}}
    changes = {"learner": learner, "outer": {"versions": 6, "groups": GROUPS[:1]}}
    runs = {
        policy: submit(platform, spec_of(estimator={"name": "enas", "policy": policy}, **changes))
        for policy in ("learned", "uniform")
    }
    assert all(wait_for_end(platform, run) is RunStatus.COMPLETE for run in runs.values())
    return runs


@pytest.mark.parametrize("policy", ["learned", "uniform"])
def test_draws_come_out_again_to_the_bit(platform: Platform, drew: dict[str, str], policy: str) -> None:
    # Given a search by draws of two trainers, if one process computes it again, I expect the same hashes;
    assert verify(platform, drew[policy], every=True).differences == []
    # and logits that moved under the learned policy alone.
    first, last = (platform.checkpoints.load(drew[policy], version).phi for version in (0, 6))
    assert torch.equal(first[NORMAL], last[NORMAL]) == (policy == "uniform")


def test_the_best_of_what_is_drawn_is_trained(
    platform: Platform, drew: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given random search with shared weights, if cells are drawn from it and judged
    monkeypatch.setenv("PHIFORGE_HOME", str(platform.settings.home))
    command = ["cell", drew["uniform"], "--draws", "8", "--tasks", "4", "--json"]
    found = json.loads(CliRunner().invoke(app, command, catch_exceptions=False).stdout)
    # I expect them best first, each judged on the tasks that were asked for, and as often as it was drawn;
    cells = found["drawn"]["cells"]
    assert (found["drawn"]["tasks"], sum(each["draws"] for each in cells)) == (4, 8)
    assert [each["accuracy"] for each in cells] == sorted((each["accuracy"] for each in cells), reverse=True)
    assert len({json.dumps(each["edges"]) for each in cells}) == len(cells) > 1
    # the same when drawn again, and the best as a spec that a fleet trains as it is.
    assert json.loads(CliRunner().invoke(app, command, catch_exceptions=False).stdout) == found
    assert found["spec"]["learner"]["network"]["normal"] == cells[0]["edges"]["normal"]
    assert found["spec"]["estimator"] == {"name": "backpropagation"}
    assert wait_for_end(platform, submit(platform, found["spec"])) is RunStatus.COMPLETE
    text = CliRunner().invoke(app, command[:-1], catch_exceptions=False).stdout
    assert text.startswith(f"# Best of {len(cells)} cells in 8 draws from run {drew['uniform']}, version ")
    assert yaml.safe_load(text) == found["spec"]


def test_a_cell_with_shared_weights_does_as_its_own_network(platform: Platform, drew: dict[str, str]) -> None:
    # Given the best cell that was drawn, if its discrete network has its share of φ
    found = drawn_cells(platform.store, drew["learned"], draws=3)
    record = platform.run(drew["learned"])
    best = found.cells[0].architecture["learner"]
    spec = parse_spec(record.spec.model_dump(mode="json") | {"learner": best, "estimator": {"name": "backpropagation"}})
    phi = platform.checkpoints.load(drew["learned"], found.version).phi
    own = {name: phi[name] for name in learner_for(spec, spec.task, record.input_shape).init_phi(torch_generator(0))}
    # I expect the same accuracy on the run's validation tasks.
    tasks = Tasks(spec, pool=Pool(load(record.dataset, platform.store)))
    assert judge(spec, own, tasks.judged("validation"))["accuracy"].mean == pytest.approx(found.cells[0].accuracy.mean)


def test_what_drew_all_alike_is_not_asked_for_the_likeliest(platform: Platform, drew: dict[str, str]) -> None:
    # Given random search, I expect to be told to draw; and that what has no architecture cannot be drawn from.
    with pytest.raises(RunError, match=f"phiforge cell {drew['uniform']} --draws"):
        found_spec(platform.record, drew["uniform"])
    plain = submit(platform, spec_of(outer={"versions": 1}))
    with pytest.raises(RunError, match="nothing yet"):
        drawn_cells(platform.store, plain, draws=1)
    assert wait_for_end(platform, plain) is RunStatus.COMPLETE
    with pytest.raises(RunError, match="another than 'relaxed_cell'"):
        drawn_cells(platform.store, plain, draws=1)


def test_what_searched_nothing_has_found_nothing(platform: Platform) -> None:
    # Given a run without an architecture, I expect to be told what has one;
    plain = submit(platform, spec_of(outer={"versions": 1}))
    assert wait_for_end(platform, plain) is RunStatus.COMPLETE
    with pytest.raises(RunError, match="relaxed_cell"):
        found_spec(platform.record, plain)
    # given one that was cancelled, where to look.
    cancelled = submit(platform, spec_of(outer={"versions": 100_000}, learner=LEARNER))
    cancel(platform, cancelled)
    with pytest.raises(RunError, match="cancelled"):
        found_spec(platform.record, cancelled)
