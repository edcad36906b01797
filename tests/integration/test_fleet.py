"""Whole fleets of real processes on a real Redis and a real S3 server: what a run leaves behind, what is measured."""

import json
import shutil
import signal
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge_client.processes import ChildProcess, free_port
from phiforge_client.servers import RedisServer, S3Server
from phiforge_client.stack import Stack
from phiforge_client.submission import cancel, submit
from phiforge_client.verification import verify
from tests.fleet import hashes, small_spec, wait_for_end, wait_for_version, wait_until
from tests.servers import require

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def settings(redis_server: RedisServer, s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One fleet for this file, so that the dataset is drawn once."""
    return Settings(
        home=tmp_path_factory.mktemp("fleet"),
        redis_url=redis_server.url,
        namespace="fleet-tests",
        store_url="s3://fleet-tests",
        s3_endpoint=s3_server.endpoint,
        s3_access_key=s3_server.access_key,
        s3_secret_key=s3_server.secret_key,
        reconcile_seconds=0.5,
        stall_seconds=1.0,
    )


@pytest.fixture(scope="module")
def platform(settings: Settings) -> Iterator[Platform]:
    """The connections of the tests themselves."""
    platform = Platform.open(settings)
    yield platform
    platform.close()


@pytest.fixture(scope="module")
def stack(settings: Settings) -> Iterator[Stack]:
    """One sampler, two trainers and one evaluator."""
    with Stack(settings, trainers=2) as stack:
        yield stack


@pytest.fixture(scope="module")
def finished(platform: Platform, stack: Stack) -> str:
    """A run that went through."""
    run = submit(platform, small_spec())
    assert wait_for_end(platform, run) == "complete"
    return run


def samples(stack: Stack, service: str) -> dict[tuple[str, str], float]:
    """Return what a service exports: value by name and by its labels' values."""
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(stack.metrics()[service])
        for sample in family.samples
    }


def test_what_a_run_leaves_behind(platform: Platform, finished: str) -> None:
    # Given a finished run, I expect its record to be whole without Redis:
    spec = platform.run(finished).spec
    assert platform.record.checkpoints(finished) == [0, 5, 10, 15, 20]
    assert platform.record.scored(finished, "validation") == [0, 10, 20]
    assert sorted(hashes(platform, finished)) == list(range(1, 21))
    # the report names the best validated version, and the test split was scored at that version alone,
    report = platform.record.report(finished)
    best = max(report["validation"], key=lambda point: (point["accuracy"], -point["version"]))
    assert report["best_version"] == best["version"]
    assert platform.record.scored(finished, "test") == [report["best_version"]]
    # on as many tasks as were asked for, with what was judged and how.
    scores = platform.record.scores(finished, "test", report["best_version"])
    assert len(scores["per_task"]["accuracy"]) == report["test"]["tasks"] == spec.evaluation.test_tasks
    assert report["tasks_seen"] == 20 * 8
    assert report["transductive"] is True
    calibration = report["calibration"]
    assert (calibration["n_way"], calibration["transductive"], calibration["tasks"]) == (5, False, 10)
    assert 0 <= calibration["error"] <= 1
    assert calibration["temperature"] > 0
    assert report["final_phi_hash"] == hashes(platform, finished)[20]
    assert finished not in platform.record.active()


def test_a_finished_run_keeps_no_episodes(platform: Platform, stack: Stack, finished: str) -> None:
    # Given a finished run, and one that was cancelled, if the samplers have dealt with what is left of them
    cancelled = submit(platform, small_spec(outer={"versions": 100_000}))
    wait_for_version(platform, cancelled, 2)
    cancel(platform, cancelled)
    wait_until(lambda: not platform.record.ended(), "the deletion of episodes", stack)
    # I expect the one to be its checkpoints, log segments, scores and report,
    kept = [key.removeprefix(f"runs/{finished}/") for key in platform.store.list(f"runs/{finished}/")]
    recorded = ["00000000", "00000005", "00000010", "00000015", "00000020"]
    assert sorted(kept) == sorted(
        [
            *(f"checkpoints/{version}.{kind}" for version in recorded for kind in ("json", "safetensors")),
            *(f"log/{version}.jsonl" for version in recorded[1:]),
            *(f"scores/validation/{version}.json" for version in recorded[::2]),
            f"scores/test/{platform.record.report(finished)['best_version']:08d}.json",
            "report.json",
        ]
    )
    # no episode of the other to be left, and the first to be verified from the seed.
    assert list(platform.record.training_episodes(cancelled)) == []
    found = verify(platform, finished)
    assert (found.differences, found.versions, found.episodes_read) == ([], [16, 17, 18, 19, 20], 0)


def test_all_learners_are_judged_on_the_same_episodes(platform: Platform, stack: Stack, finished: str) -> None:
    # Given another learner and another seed, but the same evaluation
    before = set(platform.store.list("evaluation/"))
    other = submit(
        platform,
        small_spec(
            seed=7, learner={"name": "pixel_nearest_neighbour"}, estimator={"name": "none"}, outer={"versions": 0}
        ),
    )
    # If it is judged
    assert wait_for_end(platform, other) == "complete"
    # I expect no episode to have been drawn for it.
    assert set(platform.store.list("evaluation/")) == before


def test_several_runs_at_once(platform: Platform, stack: Stack, finished: str) -> None:
    # Given three runs in the queue together: the same spec, another seed, another learner and estimator
    specs = (
        small_spec(),
        small_spec(seed=1),
        small_spec(task={"n_way": 5}, estimator={"name": "first_order"}),
        small_spec(learner={"name": "prototypical", "network": {"name": "conv4", "channels": 16}}),
    )
    runs = [submit(platform, spec) for spec in specs]
    # If all are trained by the same fleet
    assert [wait_for_end(platform, run) for run in runs] == ["complete"] * len(runs)
    # I expect the same spec to give the same φ, and every other another.
    final = [platform.record.report(run)["final_phi_hash"] for run in runs]
    assert final[0] == platform.record.report(finished)["final_phi_hash"]
    assert len(set(final)) == len(final)


def test_every_service_exports_what_it_does(platform: Platform, stack: Stack, finished: str) -> None:
    # Given a fleet that finished a run, if its services are scraped
    trainers = [samples(stack, f"trainer-{index}") for index in range(2)]
    sampler, evaluator = samples(stack, "sampler-0"), samples(stack, "evaluator-0")
    # I expect every version committed once between the trainers, and every phase of a job timed,
    committed = sum(trainer["phiforge_commits_total", ""] for trainer in trainers)
    runs = [run for run in platform.record.runs() if platform.record.status(run) == "complete"]
    assert committed >= sum(platform.run(run).spec.outer.versions for run in runs)
    for phase in ("queue_wait", "read", "compute", "publish", "commit"):
        assert sum(trainer.get(("phiforge_job_seconds_count", phase), 0) for trainer in trainers) > 0
    assert sampler["phiforge_sampled_episodes_total", "train"] >= 20 * 8
    assert evaluator["phiforge_evaluated_tasks_total", "test"] >= 20
    # and the run-level values to be those of the record.
    report = platform.record.report(finished)
    assert evaluator["phiforge_run_version", finished] == 20
    assert evaluator["phiforge_run_tasks_total", finished] == 160
    assert evaluator["phiforge_run_accuracy_ratio", f"{finished},test"] == pytest.approx(report["test"]["accuracy"])
    assert evaluator["phiforge_run_accuracy_ci95_ratio", f"{finished},test"] == pytest.approx(
        report["test"]["accuracy_ci95"]
    )
    assert ("phiforge_run_loss", f"{finished},train") in evaluator
    assert ("phiforge_queue_messages", "training") in evaluator


def test_a_real_prometheus_scrapes_them(stack: Stack, finished: str, tmp_path: Path) -> None:
    # Given a real Prometheus that is told of the fleet
    binary = require(shutil.which("prometheus"), "there is no prometheus on PATH: apt-get install prometheus")
    targets = [f"127.0.0.1:{service.metrics_port}" for service in stack.services]
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "phiforge", "static_configs": [{"targets": targets}]}],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    address = f"127.0.0.1:{free_port()}"
    command = [
        binary,
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address={address}",
    ]
    prometheus = ChildProcess(command, tmp_path / "prometheus.log")
    try:
        # If it has looked once, I expect every service to be up and the run's accuracy to be there.
        wait_until(lambda: up(address) == len(targets), "every service scraped")
        accuracy = query(address, f'phiforge_run_accuracy_ratio{{run="{finished}",split="test"}}')
        assert len(accuracy) == 1
    finally:
        prometheus.terminate()


def up(address: str) -> int:
    try:
        return sum(result["value"][1] == "1" for result in query(address, "up"))
    except OSError:
        return 0


def query(address: str, expression: str) -> list[dict[str, Any]]:
    url = f"http://{address}/api/v1/query?query={urllib.parse.quote(expression)}"
    with urllib.request.urlopen(url, timeout=5) as answer:
        return list(json.load(answer)["data"]["result"])


def test_a_run_that_cannot_go_on_fails_with_its_reason(platform: Platform, stack: Stack) -> None:
    # Given an outer learning rate that no φ survives
    spec = small_spec(outer={"lr": 1e38, "optimizer": {"name": "sgd"}, "clip_norm": None})
    # If it is run
    run = submit(platform, spec)
    # I expect it to be marked failed with its reason, and the fleet to go on with others.
    assert wait_for_end(platform, run) == "failed"
    assert "not finite" in platform.record.end_reason(run, "failed")
    assert wait_for_end(platform, submit(platform, small_spec(outer={"versions": 2}))) == "complete"


def test_services_log_what_their_level_says(platform: Platform, stack: Stack) -> None:
    # Given a fleet at the default level, which takes messages
    run = submit(platform, small_spec(outer={"versions": 400}))
    wait_for_version(platform, run, 1)
    # If Redis forgets the run, and a trainer brings it back
    platform.exchange.forget(run)
    logs = [stack.logs / f"{service.name}.log" for service in stack.services]
    # I expect its word on that, which is no warning, in its log.
    word = f"INFO phiforge.runs.restoring: run {run} "
    wait_until(lambda: any(word in log.read_text() for log in logs), "it")
    # I expect no word of Celery's on each message.
    assert not any("celery" in line and " INFO " in line for log in logs for line in log.read_text().splitlines())
    cancel(platform, run)


def test_sigterm_lets_a_trainer_finish(platform: Platform, settings: Settings, stack: Stack) -> None:
    # Given a trainer that is told to stop while a run goes on
    run = submit(platform, small_spec(seed=3))
    wait_for_version(platform, run, 3)
    extra = stack.start("trainer", 2)
    wait_until(lambda: f":{extra.metrics_port}/" in extra.process.log.read_text(), "the third trainer")
    time.sleep(1)
    # If it gets SIGTERM
    extra.process.interrupt()
    wait_until(lambda: not extra.process.alive, "its end")
    stack.services.remove(extra)
    # I expect a clean exit, and the run to end all the same.
    assert extra.process.exit_code in (0, -signal.SIGTERM)
    assert wait_for_end(platform, run) == "complete"


def test_no_process_is_left(settings: Settings) -> None:
    # Given a stack of its own
    with Stack(settings, trainers=1) as stack:
        pids = [service.process.pid for service in stack.services]
    # If it is left, I expect none of its processes to be there.
    alive = subprocess.run(["ps", "-o", "pid=", "-p", ",".join(map(str, pids))], capture_output=True, text=True)
    assert alive.stdout.split() == []
