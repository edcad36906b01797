"""A run that is still trained is served: by its best version so far, while requests go on."""

import asyncio
import io
import sys
import threading
import time
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import pytest

from phiforge.base.errors import TaskError
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.learning.tensors import fingerprint
from phiforge.prediction.exporting import export
from phiforge.prediction.following import Followed, served
from phiforge.prediction.material import Material
from phiforge.prediction.model import Model
from phiforge.prediction.support import support_of
from phiforge.prediction.validation import Shape
from phiforge.runs.checkpoints import Checkpoint, Checkpoints
from phiforge.runs.datasets import load as load_dataset
from phiforge.runs.record import Record
from phiforge.runs.store import LocalStore
from phiforge_client.processes import ChildProcess, free_port
from phiforge_client.stack import Stack
from phiforge_client.submission import submit
from phiforge_server.app import make_app
from phiforge_server.following import follow, take_best
from phiforge_server.limits import Limits
from phiforge_server.versions import Versions
from tests.fleet import small_spec, wait_for_end, wait_until
from tests.prediction.calling import Caller, answers, listening
from tests.prediction.drawn import letter
from tests.prediction.learned import learn, spec

PROTO = {"name": "prototypical", "network": {"name": "conv4", "channels": 16, "norm": "running"}}


def png(character, number):
    """Return a letter as the bytes of a file."""
    buffer = io.BytesIO()
    letter(character, number).save(buffer, "PNG")
    return buffer.getvalue()


SUPPORT = [(each, (f"{each}.png", png(each, 0))) for each in "AKOTX"]
QUERY = [("picture", (f"{each}.png", png(each, 3))) for each in "AKOTX"]


def answered(caller, task):
    """Return status and version of what a task answers."""
    answer = caller.post(f"/tasks/{task}/predictions", files=QUERY)
    return answer.status_code, answer.json().get("version")


@pytest.fixture
def fleet(redis_url, tmp_path):
    """A fleet that has no service yet, with a folder as object storage."""
    platform = Platform.open(Settings(home=tmp_path / "fleet", redis_url=redis_url, namespace="served"))
    yield platform
    platform.close()


@contextmanager
def going_on(caller, task):
    """Ask a task and make further ones all the time; yield what came of asking, and of making, as it comes."""
    statuses, made, over = [], [], threading.Event()

    def ask():
        while not over.is_set():
            statuses.append(answered(caller, task))

    def make():
        while not over.is_set():
            answer = caller.post("/tasks", files=SUPPORT)
            made.append((answer.status_code, answer.json().get("version"), answer.json().get("task")))
            time.sleep(0.05)

    threads = [threading.Thread(target=each) for each in (ask, make)]
    for thread in threads:
        thread.start()
    try:
        yield statuses, made
    finally:
        over.set()
        for thread in threads:
            thread.join()


@pytest.mark.services
def test_a_run_that_is_trained_is_served_meanwhile(fleet, tmp_path):
    # Given a run that waits for its fleet, served by a real process, and a task that was made with its first version
    learner = {"learner": PROTO, "outer": {"versions": 60, "lr": 0.003}}
    run = submit(fleet, small_spec(**learner, evaluation={"every": 10, "validation_tasks": 20}))
    port = free_port()
    command = [sys.executable, "-m", "phiforge_client.cli", "serve", run, "--port", str(port), "--look", "0.2"]
    environment = {"PHIFORGE_HOME": str(fleet.settings.home), "OMP_NUM_THREADS": "1"}
    process = ChildProcess(command, tmp_path / "log", environment)
    caller = Caller(f"http://127.0.0.1:{port}")
    process.wait_until_ready(lambda: answers(caller), 60)
    first = caller.post("/tasks", files=SUPPORT).json()
    assert first["version"] == 0
    # If a real fleet trains it, while that task is asked and further tasks are made, all the time
    with going_on(caller, first["task"]) as (statuses, made):
        with Stack(fleet.settings, trainers=1):
            wait_for_end(fleet, run)
        best = fleet.record.report(run)["best_version"]
        wait_until(lambda: caller.get("/models").json()[0]["version"] == best, "the best version to be served")
        time.sleep(0.5)
    # I expect no request to be dropped, that task to be answered by its own version throughout,
    assert {status for status, _ in statuses} == {200}
    assert {version for _, version in statuses} == {0}
    # and further tasks to be made with the first version, then with better ones, in the end with the best,
    assert {status for status, _, _ in made} == {201}
    versions = [version for _, version, _ in made]
    assert versions[0] == 0 < best == versions[-1]
    # each of which names its version in its answers, also after another process took over, which counts its swaps.
    assert "phiforge_served_swaps_total 0.0" not in caller.get("/metrics").text
    process.terminate(30)
    with listening(make_app([Followed(fleet.store, run)], fleet.store)) as other:
        for _, version, task in (made[0], made[-1]):
            assert answered(other, task) == (200, version)
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    return LocalStore(tmp_path / "store")


def improved(store, run, version, accuracy):
    """Write another version of a run as a trainer and an evaluator would: φ is a little larger than at the last."""
    checkpoints, last = Checkpoints(Record(store)), Record(store).checkpoints(run)[-1]
    phi = {name: value * 1.01 for name, value in checkpoints.load(run, last).phi.items()}
    checkpoints.save(run, Checkpoint(version, phi, {}, fingerprint(phi), version))
    scores = {"version": version, "accuracy": accuracy, "loss": 1.0}
    Record(store).save_scores(run, "validation", version, scores)


def test_only_a_better_version_is_taken(store, tmp_path):
    # Given a run that is followed, if it has no other version, or a worse one, I expect what is offered to stay;
    run = learn(store, spec("proto", PROTO))
    versions = Versions(Followed(store, run).model(40), Followed(store, run))
    assert not take_best(versions)
    improved(store, run, 50, accuracy=0.0)
    assert not take_best(versions)
    # if a better one comes, I expect it to be offered, and the one before to be there for earlier tasks, as the same;
    before = versions.offered
    improved(store, run, 60, accuracy=1.0)
    assert take_best(versions)
    assert versions.offered.learned.version == 60
    assert versions.of(40) is before
    # if its record cannot be read, I expect it to be served as it is.
    for path in (tmp_path / "store" / "runs" / run / "scores").rglob("*60*"):
        path.write_bytes(b"{}")
    assert not take_best(versions)
    assert versions.offered.learned.version == 60


def test_a_version_that_is_gone_is_said_to_be(store, tmp_path):
    # Given a task of a version, if its checkpoint is removed and the service started again, I expect a sentence.
    run = learn(store, spec("proto", PROTO))
    with listening(make_app([Followed(store, run).model(0)], store)) as caller:
        task = caller.post("/tasks", files=SUPPORT).json()["task"]
    with listening(make_app([Followed(store, run)], store)) as caller:
        assert answered(caller, task) == (200, 0)
    for path in (tmp_path / "store" / "runs" / run / "checkpoints").glob("*0000.*"):
        path.unlink()
    with listening(make_app([Followed(store, run)], store)) as caller:
        answer = caller.post(f"/tasks/{task}/predictions", files=QUERY)
    assert answer.status_code == 410
    assert "version 0" in answer.json()["error"]
    assert "again" in answer.json()["error"]


def test_the_next_version_is_calibrated_before_it_is_offered(store):
    # Given a service that made a task of five classes, if a better version is taken, I expect its calibration for such
    # tasks to be known before any request asks for it.
    run = learn(store, spec("proto", PROTO))
    followed = Followed(store, run)
    app = make_app([followed], store, Limits(look_seconds=0.1))
    with listening(app) as caller:
        caller.post("/tasks", files=SUPPORT)
        known = len(list(store.list("calibrations/")))
        improved(store, run, 60, accuracy=1.0)
        wait_until(lambda: caller.get("/models").json()[0]["version"] == 60, "the better version")
        assert len(list(store.list("calibrations/"))) == known + 1
        assert caller.get("/models").json()[0]["followed"]


MAML = {"name": "maml", "inner_lr": 0.1, "inner_steps": 1, "network": {"name": "conv4", "channels": 16}}


def test_a_refused_support_set_is_forgotten(store):
    # Given MAML of five ways that is followed, if three classes are sent, I expect a refusal, and a better version to
    # be offered nevertheless.
    run = learn(store, spec("maml", MAML))
    with listening(make_app([Followed(store, run)], store, Limits(look_seconds=0.1))) as caller:
        assert caller.post("/tasks", files=SUPPORT[:3]).status_code == 422
        improved(store, run, 60, accuracy=1.0)
        wait_until(lambda: caller.get("/models").json()[0]["version"] == 60, "the better version")


def test_what_cannot_be_calibrated_ahead_is_offered(store, monkeypatch):
    # Given a shape that has been seen, if it cannot be calibrated with the next version, I expect that to be offered.
    run = learn(store, spec("proto", PROTO))
    followed = Followed(store, run)
    versions = Versions(followed.model(40), followed)
    versions.note(support_of([png(each, 0) for each in "AKO"], versions.offered.learned, list("AKO")))

    def failing(*_):
        raise TaskError("no such tasks")

    monkeypatch.setattr(Material, "calibration", failing)
    versions.offer(followed.model(0))
    assert versions.offered.learned.version == 0


def test_looking_goes_on_after_any_fault(monkeypatch, caplog):
    # Given a look that fails as nobody foresaw, if it is time again, I expect a further one, and the fault in the log.
    looks = []

    def failing(versions):
        looks.append(versions)
        raise ZeroDivisionError("a fault of ours")

    served_run = SimpleNamespace(followed=SimpleNamespace(run="mine"))

    async def some_looks():
        with suppress(TimeoutError):
            await asyncio.wait_for(follow([served_run], 0.01), 0.5)

    monkeypatch.setattr("phiforge_server.following.take_best", failing)
    asyncio.run(some_looks())
    assert len(looks) > 1
    assert "a fault of ours" in caplog.text


def test_versions_share_their_dataset(store, monkeypatch):
    # Given a run that is followed, if two of its versions are calibrated, I expect its dataset to be read once.
    run = learn(store, spec("proto", PROTO))
    followed, read = Followed(store, run), []
    monkeypatch.setattr("phiforge.prediction.material.load", lambda *of: read.append(of) or load_dataset(*of))
    for version in (0, 40):
        followed.model(version).calibration_of(Shape(3, 1, transductive=False))
    assert len(read) == 1


def test_the_offered_version_stays_at_hand(store):
    # Given an offered version, if tasks ask for more earlier ones than are held, I expect it to be there without being
    # opened again.
    run = learn(store, spec("proto", PROTO))
    for version in (50, 60, 70, 80):
        improved(store, run, version, accuracy=0.0)
    followed = Followed(store, run)
    versions = Versions(followed.model(40), followed)
    for version in (50, 60, 70, 80):
        versions.of(version)
    assert versions.of(40) is versions.offered


def test_an_exported_folder_is_not_followed(store, model, tmp_path):
    # Given a folder and a run, I expect the folder to be served as it is, and the run to be followed.
    export(model("running"), tmp_path / "exported")
    run = learn(store, spec("proto", PROTO))
    assert isinstance(served(str(tmp_path / "exported"), store), Model)
    assert isinstance(served(run, store), Followed)
