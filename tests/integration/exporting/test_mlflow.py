"""Runs' records as MLflow reads them: once, half-way, again and again, and as a run goes on."""

import json
import threading
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from phiforge.base.errors import ServiceError, StoreError
from phiforge.fleet.platform import Platform
from phiforge.runs.record import RunStatus
from phiforge_client.results.exporting import followed
from phiforge_client.results.findings import findings
from phiforge_client.results.mlflow_store import write_run
from phiforge_client.submission import submit
from tests.fleet import small_spec, wait_for_end
from tests.integration.exporting.conftest import Phiforge

pytestmark = [pytest.mark.services, pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")]


def client_of(folder: Path) -> MlflowClient:
    return MlflowClient(tracking_uri=f"sqlite:///{folder.resolve()}/mlflow.db")


def runs_in(folder: Path) -> list[Run]:
    client = client_of(folder)
    return list(client.search_runs([each.experiment_id for each in client.search_experiments()]))


def history(folder: Path, tag: str) -> list[tuple[int, float]]:
    """Return version and value of each point of the only run there."""
    [run] = runs_in(folder)
    return [(point.step, point.value) for point in client_of(folder).get_metric_history(run.info.run_id, tag)]


def test_mlflow_reads_what_the_record_says(phiforge: Phiforge, platform: Platform, run: str) -> None:
    # Given a complete run, if it is exported
    result = phiforge("export-metrics", run, "--to", "mlflow", "--out", "store", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.output) == {"runs": [run], "files": ["store/mlflow.db"]}
    known, store = findings(platform, run), Path("store")
    # I expect the scores of each version in training and on validation tasks, and of the test,
    for tag, points in (("training", known.training), ("validation", known.validation)):
        for score in ("loss", "accuracy"):
            expected = [(point.scores["version"], point.scores[score]) for point in points]
            assert history(store, f"{tag}/{score}") == expected
        assert history(store, f"{tag}/tasks") == [(point.scores["version"], point.tasks) for point in points]
    assert known.test
    assert known.report
    assert history(store, "test/accuracy") == [(known.test["version"], known.test["accuracy"])]
    # the spec as parameters, what the run belongs to and what it came to as tags, how and when it ended,
    [found] = runs_in(store)
    assert found.data.params["task.k_shot"] == "1"
    assert found.data.params["learner.network.channels"] == "16"
    assert found.data.tags["label.exp"] == "a"
    assert found.data.tags["best_version"] == str(known.report["best_version"])
    assert found.data.tags["phi_hash"] == known.report["phi_hash"]
    assert (found.info.run_name, found.info.status) == (run, "FINISHED")
    assert found.info.start_time < found.info.end_time
    # and nothing of MLflow's anywhere else.
    assert [path.name for path in Path().iterdir()] == ["store"]


def test_a_run_that_went_on_is_added_to(platform: Platform, run: str, tmp_path: Path) -> None:
    # Given a run of which half was exported as it went on
    whole = findings(platform, run)
    half = whole._replace(
        status=RunStatus.RUNNING,
        report=None,
        test=None,
        training=[point for point in whole.training if point.scores["version"] <= 12],
        validation=whole.validation[:1],
    )
    write_run(half, tmp_path)
    [found] = runs_in(tmp_path)
    assert (found.info.status, "phi_hash" in found.data.tags) == ("RUNNING", False)
    # If it is exported when it is whole, I expect each point to be there once, in the same run, and its end.
    write_run(whole, tmp_path)
    assert [version for version, _ in history(tmp_path, "training/loss")] == list(range(1, 21))
    assert [version for version, _ in history(tmp_path, "validation/accuracy")] == [0, 10, 20]
    [more] = runs_in(tmp_path)
    assert (more.info.run_id, more.info.status) == (found.info.run_id, "FINISHED")
    # And if it is exported again, I expect nothing to change.
    before = history(tmp_path, "training/loss")
    write_run(whole, tmp_path)
    assert history(tmp_path, "training/loss") == before
    assert [each.to_dictionary() for each in runs_in(tmp_path)] == [more.to_dictionary()]


def test_runs_share_a_store(platform: Platform, run: str, tmp_path: Path) -> None:
    # Given a run in a store, and another that has only begun, if that is followed by two at once
    write_run(findings(platform, run), tmp_path)
    going = submit(platform, small_spec(seed=1))
    followers = [
        threading.Thread(target=followed, args=(platform, [going], write_run, tmp_path), kwargs={"seconds": 0.2})
        for _ in range(2)
    ]
    for follower in followers:
        follower.start()
    assert wait_for_end(platform, going) == "complete"
    for follower in followers:
        follower.join(timeout=30)
    # I expect them to end with it, and both runs to be there, once and whole.
    assert not any(follower.is_alive() for follower in followers)
    found = {each.info.run_name: each for each in runs_in(tmp_path)}
    assert sorted(found) == sorted([run, going])
    points = client_of(tmp_path).get_metric_history(found[going].info.run_id, "training/loss")
    assert [point.step for point in points] == list(range(1, 21))
    assert len(runs_in(tmp_path)) == 2


def test_what_stands_in_the_way(phiforge: Phiforge, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a folder that is a file, a store that is none, or no package that writes, I expect one sentence with what
    # to do.
    Path("file").write_text("no folder")
    with pytest.raises(StoreError, match=r"file cannot be written: File exists; --out names another folder$"):
        phiforge("export-metrics", run, "--to", "mlflow", "--out", "file")
    Path("other").mkdir()
    Path("other/mlflow.db").write_text("no database, but a text that is long enough to be taken for one" * 20)
    with pytest.raises(StoreError, match=r"mlflow.db cannot be written: .*not a database; --out names another folder$"):
        phiforge("export-metrics", run, "--to", "mlflow", "--out", "other")
    monkeypatch.setattr("phiforge_client.extras.find_spec", lambda package: None)
    with pytest.raises(ServiceError, match=r"mlflow, sqlalchemy, alembic: pip install 'phiforge\[export\]'"):
        phiforge("export-metrics", run, "--to", "mlflow")
