"""Every kind of object in the store, damaged: nothing of it is used, the run ends all the same, and others go on."""

import json
from collections.abc import Callable

import pytest

from phiforge.base.canonical import canonical_json
from phiforge.base.errors import FormatError, PhiforgeError
from phiforge.fleet.platform import Platform
from phiforge.runs import judging
from phiforge.runs.not_finite import not_finite_steps
from phiforge.runs.reconcile import fail, reconcile_all
from phiforge.runs.sealed import seal, unseal
from phiforge_client.commands.runs import show
from phiforge_client.submission import resume
from phiforge_client.view import all_views, view_of
from phiforge_evaluator.chunk import Evaluator
from phiforge_sampler.service import Sampler
from phiforge_trainer.worker import Trainer
from tests.badinput.conftest import Submit

pytestmark = pytest.mark.services

JOBS, VERSIONS, CHUNKS = 3, 4, 2

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "a flipped bit": lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
    "another object": lambda data: b'{"version": 3}',
    "a list": lambda data: b"[1]",
    "no text": lambda data: b"\xff\xfe",
    "nested without end": lambda data: b"[" * 100_000,
}

FEW = {name: DAMAGES[name] for name in ("cut short", "a flipped bit", "another object")}


def train(platform: Platform, run: str) -> None:
    for version in range(VERSIONS):
        Sampler(platform).sample_training(run, version, sent_at=0)
        for job in range(JOBS):
            Trainer(platform).handle(run, version, job, sent_at=0)


def judge(platform: Platform, run: str, split: str, version: int) -> None:
    for chunk in range(CHUNKS):
        Sampler(platform).sample_evaluation(run, split, chunk, sent_at=0)
        Evaluator(platform).handle(run, split, version, chunk, sent_at=0)


def finish(platform: Platform, run: str) -> None:
    """Do what reconcile would have services do, until the run is over."""
    for _ in range(6):
        if platform.record.status(run) != "running":
            return
        reconcile_all(platform)
        for split, version in judging.due(platform, platform.run(run)):
            judge(platform, run, split, version)


@pytest.fixture
def impatient(platform: Platform) -> Platform:
    platform.settings = platform.settings.model_copy(update={"stall_seconds": 0.001})
    return platform


@pytest.fixture
def judged(impatient: Platform, sampled: Submit) -> str:
    """A run whose training is over and whose two validations are in."""
    run = sampled()
    train(impatient, run)
    for version in (0, VERSIONS):
        judge(impatient, run, "validation", version)
    assert impatient.record.scored(run, "validation") == [0, VERSIONS]
    return run


def whole(platform: Platform, run: str, name: str) -> dict[str, object]:
    key = f"runs/{run}/{name}"
    found = unseal(key, platform.store.get(key))
    return {field: value for field, value in found.items() if field != "seconds"}


@pytest.mark.parametrize("damage", FEW.values(), ids=FEW.keys())
@pytest.mark.parametrize("split", ["validation", "test"])
@pytest.mark.parametrize("forgotten", [False, True], ids=["redis", "no redis"])
def test_damaged_scores_are_taken_again(
    impatient: Platform, judged: str, sampled: Submit, damage: Callable[[bytes], bytes], split: str, *, forgotten: bool
) -> None:
    # Given scores of one version that were damaged, maybe with Redis lost too, and another run
    well = sampled()
    if split == "test":
        judge(impatient, judged, split, judging.best_version(impatient, impatient.run(judged)))
        impatient.store.delete(f"runs/{judged}/report.json")
        impatient.record.activate(judged)
    version = impatient.record.scored(judged, split)[-1]
    name = f"scores/{split}/{version:08d}.json"
    before = whole(impatient, judged, name)
    impatient.store.put(f"runs/{judged}/{name}", damage(impatient.store.get(f"runs/{judged}/{name}")))
    if forgotten:
        impatient.exchange.redis.flushall()
    # If runs are reconciled, I expect the scores to be as they were, the run to be complete, and the other to go on.
    finish(impatient, judged)
    assert impatient.record.status(judged) == "complete"
    assert whole(impatient, judged, name) == before
    assert impatient.exchange.state(well) is not None
    assert impatient.record.status(well) == "running"


@pytest.mark.parametrize("damage", FEW.values(), ids=FEW.keys())
@pytest.mark.parametrize("retired", [False, True], ids=["active", "retired"])
def test_a_damaged_report_is_written_again(
    impatient: Platform,
    judged: str,
    damage: Callable[[bytes], bytes],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    retired: bool,
) -> None:
    # Given a run that is over and whose report was damaged
    finish(impatient, judged)
    key = f"runs/{judged}/report.json"
    before = whole(impatient, judged, "report.json")
    impatient.store.put(key, damage(impatient.store.get(key)))
    # If it is shown, I expect to be told which object is damaged and what to do;
    monkeypatch.setattr("phiforge_client.commands.opening.look", lambda: impatient)
    show(judged)
    shown = json.loads(capsys.readouterr().out)
    assert key in shown["reason"]
    assert f"phiforge resume {judged}" in shown["reason"]
    # if it is resumed, or was not retired yet, I expect the report to be as it was.
    resume(impatient, judged) if retired else impatient.record.activate(judged)
    finish(impatient, judged)
    assert whole(impatient, judged, "report.json") == before
    assert impatient.record.status(judged) == "complete"


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_reason_is_no_reason_to_go_on(
    platform: Platform, sampled: Submit, damage: Callable[[bytes], bytes]
) -> None:
    # Given a run that failed, and its reason damaged, if somebody asks, I expect to be told which object it is.
    run, well = sampled(), sampled()
    fail(platform, run, "it had to")
    key = f"runs/{run}/failed.json"
    platform.store.put(key, damage(platform.store.get(key)))
    reconcile_all(platform)
    assert platform.record.status(run) == "failed"
    assert f"{key} is damaged" in platform.record.end_reason(run, platform.record.status(run))
    assert platform.record.active() == [well]


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
@pytest.mark.parametrize("name", ["log/00000004.jsonl", "checkpoints/00000004.json", "submitted", "found"])
def test_what_is_damaged_is_named(
    impatient: Platform, judged: str, sampled: Submit, damage: Callable[[bytes], bytes], name: str
) -> None:
    # Given an object of a run that was damaged, and another run
    well = sampled()
    key = {
        "submitted": f"submitted/{judged}.json",
        "found": f"runs/{judged}/failed/00000001-0000/found.json",
    }.get(name, f"runs/{judged}/{name}")
    if name == "found":
        found = {"version": 1, "job": 0, "episode": None, "phi_hash": "0" * 64, "what": "it"}
        impatient.store.put(key, seal(key, found))
        assert not_finite_steps(impatient.store, judged)
    data = impatient.store.get(key)
    # (what a log says is for verify to compute again: here its form is looked at)
    damaged = damage(data) if not (name.startswith("log") and damage(data)[:9] == data[:9]) else data[:-9]
    impatient.store.put(key, damaged)
    # If it is read, I expect an error that names it,
    fresh = Platform.open(impatient.settings)
    reads: dict[str, Callable[[], object]] = {
        "submitted": lambda: view_of(fresh, judged),
        "found": lambda: not_finite_steps(fresh.store, judged),
        "checkpoints/00000004.json": lambda: fresh.record.sidecar(judged, 4),
        "log/00000004.jsonl": lambda: list(fresh.record.log(judged)),
    }
    with pytest.raises(PhiforgeError, match=judged):
        reads[name]()
    # a list of runs to tell of all of them,
    assert sorted(view.run for view in all_views(fresh)) == sorted([judged, well])
    # and if runs are reconciled, the other to be moved.
    impatient.exchange.redis.flushall()
    reconcile_all(fresh)
    assert fresh.exchange.state(well) is not None
    fresh.close()


def test_any_flipped_bit_is_seen(impatient: Platform, judged: str) -> None:
    # Given scores with any one bit flipped, I expect them not to be read, or to say the same.
    key = f"runs/{judged}/scores/validation/00000000.json"
    data, before = impatient.store.get(key), impatient.record.scores(judged, "validation", 0)
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :]
        impatient.store.put(key, changed)
        try:
            assert impatient.record.scores(judged, "validation", 0) == before, changed
        except FormatError:
            continue


def test_scores_of_another_version_are_none(impatient: Platform, judged: str) -> None:
    # Given scores in the place of others, I expect them not to be read; older ones, without a digest, to be.
    place = "runs/{}/scores/validation/{:08d}.json"
    data = impatient.store.get(place.format(judged, 0))
    impatient.store.put(place.format(judged, VERSIONS), data)
    assert not impatient.record.has_scores(judged, "validation", VERSIONS)
    old = {name: value for name, value in json.loads(data).items() if name != "digest"}
    impatient.store.put(place.format(judged, 0), canonical_json(old))
    assert impatient.record.scores(judged, "validation", 0) == old


def test_a_run_whose_judged_checkpoint_is_damaged_ends(impatient: Platform, judged: str) -> None:
    # Given a damaged checkpoint that is to be judged, I expect the run to fail and to name it.
    key = f"runs/{judged}/checkpoints/{VERSIONS:08d}.safetensors"
    impatient.store.put(key, impatient.store.get(key)[:-1])
    best = judging.best_version(impatient, impatient.run(judged))
    judge(impatient, judged, "test", best)
    assert impatient.record.status(judged) == "failed"
    reason = impatient.record.end_reason(judged, impatient.record.status(judged))
    assert f"checkpoint {VERSIONS} of run {judged!r} is damaged" in reason


def test_what_nobody_thought_of_keeps_no_other_run(
    platform: Platform, sampled: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a run at which reconcile meets an error that nobody foresaw, and one that is well
    bad, well = sorted([sampled(), sampled()])
    real = platform.record.status

    def status(run: str) -> object:
        if run == bad:
            raise ValueError("something")
        return real(run)

    monkeypatch.setattr(platform.record, "status", status)
    platform.exchange.redis.flushall()
    # If runs are reconciled, I expect the other to be moved.
    reconcile_all(platform)
    assert platform.exchange.state(well) is not None
