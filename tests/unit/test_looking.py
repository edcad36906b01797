"""What it takes to look at runs: neither torch nor Celery, nor what a spec means."""

import json
import subprocess
import sys

import pytest

from phiforge.base.errors import FormatError, IncapableWorkerError, ServiceError
from phiforge.runs.platform import RunPlatform
from phiforge.runs.record import Record, RunStatus
from phiforge.runs.sealed import DIGEST, seal
from phiforge.runs.store import LocalStore
from phiforge.runs.submitted import RunRecord, hash_of
from phiforge.spec.run import RunSpec
from phiforge.spec.schema import SCHEMA

LOOK = """
import sys
from pathlib import Path

import redis

from phiforge.base.settings import Settings
from phiforge.runs.not_finite import not_finite_steps
from phiforge.runs.platform import RunPlatform
from phiforge_client.view import view_of

platform = RunPlatform.look(Settings(home=Path(sys.argv[1]), redis_url="redis://127.0.0.1:1/0"))
submitted = platform.record.submitted("one")
found = [platform.record.runs(), platform.record.status("one").value, submitted.versions, submitted.spec["seed"]]
found += [not_finite_steps(platform.store, "one"), view_of(platform, "one").status]
try:
    platform.exchange.state("one")
except redis.ConnectionError:
    found.append("no Redis")
heavy = sorted({"torch", "celery", "kombu"} & sys.modules.keys())
print(found, heavy)
"""


def recorded(home, submitted, **changes):
    """Write a run down, with some of its fields changed afterwards, and return the record that holds it."""
    record = Record(LocalStore(home / "store"))
    record.create(RunRecord("one", submitted, submitted.hash, "digest", (1, 28, 28), 300, 0.0))
    key = "submitted/one.json"
    fields = json.loads(record.store.get(key))
    record.store.put(key, seal(key, {name: value for name, value in fields.items() if name != DIGEST} | changes))
    return record


def test_looking_needs_no_torch(tmp_path):
    # Given a run with a checkpoint
    record = recorded(tmp_path, RunSpec(seed=7))
    record.store.put("runs/one/checkpoints/00000000.json", b"{}")
    # If a fresh process looks at it, I expect it to see where it is and to have imported neither torch nor Celery.
    looked = subprocess.run([sys.executable, "-c", LOOK, str(tmp_path)], capture_output=True, text=True, check=True)
    assert looked.stdout.strip() == "[['one'], 'running', 1000, 7, [], 'standing: no Redis', 'no Redis'] []"


def test_who_only_looks_sends_nothing(tmp_path):
    # Given a process that only looks at runs, if it is to send a message, I expect an error that says what to open.
    platform = RunPlatform(None, LocalStore(tmp_path), Unconnected())
    with pytest.raises(ServiceError, match=r"sends no messages: open phiforge\.fleet"):
        platform.outbox.retain("one")


class Unconnected:
    """What stands for an exchange where none is asked."""

    redis, namespace = None, "test"

    def script(self, name):
        return None


def test_a_run_s_hash_is_of_what_was_recorded(tmp_path):
    # Given a spec as an earlier version recorded it, which knew fewer fields
    old = RunSpec(seed=7).to_json()
    del old["sampling"], old["numerics"]
    record = recorded(tmp_path, RunSpec(), spec=old, spec_hash=hash_of(old))
    # I expect its hash to be as it was then, whatever the fields are that were added since,
    run = record.run("one")
    assert run.spec_hash == record.submitted("one").spec_hash == hash_of(old)
    assert run.spec == RunSpec(seed=7)
    assert run.spec.hash != run.spec_hash
    # and what was recorded to be shown as it is.
    assert record.submitted("one").spec == old


def test_a_spec_that_is_not_the_one_recorded(tmp_path):
    # Given a spec that was changed after it was recorded, I expect an error, for looking and for moving.
    record = recorded(tmp_path, RunSpec(), spec=RunSpec(seed=8).to_json())
    for read in (record.submitted, record.run):
        with pytest.raises(FormatError, match="the hash of its spec is"):
            read("one")


def test_what_a_newer_version_recorded_is_left_to_it(tmp_path):
    # Given a run that was recorded before schemas had numbers, I expect it to be read;
    fields = json.loads(recorded(tmp_path / "old", RunSpec()).store.get("submitted/one.json"))
    assert fields.pop("schema") == 1
    del fields[DIGEST]
    store = LocalStore(tmp_path / "without")
    store.put("submitted/one.json", json.dumps(fields).encode())
    assert Record(store).run("one").spec == RunSpec()
    # one of a later schema to be nothing that this worker can do.
    newer = recorded(tmp_path / "new", RunSpec(), schema=SCHEMA + 1)
    for read in (newer.submitted, newer.run):
        with pytest.raises(IncapableWorkerError, match="recorded by a newer version"):
            read("one")


@pytest.mark.parametrize("status", RunStatus)
def test_how_runs_end(tmp_path, status):
    # Given a run that ended in some way, or not yet, I expect it to be said, with the words as ever.
    record = Record(LocalStore(tmp_path))
    if status is RunStatus.COMPLETE:
        record.save_report("one", {"run": "one"})
    elif status is not RunStatus.RUNNING:
        record.end("one", status, "because")
        assert record.store.exists(f"runs/one/{status}.json")
        assert record.end_reason("one", status) == "because"
    assert record.status("one") is status


def test_steering_needs_no_torch():
    # Given a fresh process, if it has all by which runs are cancelled, paused, moved up and removed, I expect no torch:
    # a person waits for no import, unless another run is set going.
    modules = "phiforge_client.steering, phiforge_client.selection, phiforge_client.removal, phiforge.fleet.platform"
    said = subprocess.run(
        [sys.executable, "-c", f"import sys, {modules}; print('torch' in sys.modules)"], capture_output=True, text=True
    )
    assert said.stdout == "False\n", said.stderr
