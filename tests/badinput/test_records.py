"""What services read back from object storage and may find changed: checkpoints, episodes, what was submitted."""

import hashlib
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import zstandard
from safetensors.numpy import save

from phiforge.base.canonical import canonical_json, sha256_hex
from phiforge.base.errors import FormatError, IncapableWorkerError, RunError
from phiforge.fleet.platform import Platform
from phiforge.learning.tensors import decode, encode, fingerprint
from phiforge.runs.datasets import _read_shard
from phiforge.runs.keys import training_episodes_key
from phiforge.runs.reconcile import reconcile_all
from phiforge.runs.restoring import check_fit
from phiforge.runs.sealed import seal, unseal
from phiforge.tasks.episodes import MAGIC, EpisodeBatch
from phiforge_client.submission import resume, submit
from phiforge_sampler.service import Sampler
from phiforge_trainer.worker import Trainer
from tests.badinput.conftest import Submit, waves
from tests.fleet import steps_of

pytestmark = pytest.mark.services

JOBS = 3


class Changed(NamedTuple):
    """What is done to the files of a checkpoint, and what reading it must say."""

    name: str
    change: Callable[[Platform, str], None]
    expected: str


def key(run: str, ending: str, version: int = 2) -> str:
    return f"runs/{run}/checkpoints/{version:08d}.{ending}"


def sidecar(text: bytes) -> Callable[[Platform, str], None]:
    return lambda platform, run: platform.store.put(key(run, "json"), text)


def fields(**changes: Any) -> Callable[[Platform, str], None]:
    def change(platform: Platform, run: str) -> None:
        place = key(run, "json")
        found = unseal(place, platform.store.get(place)) | changes
        kept = {name: value for name, value in found.items() if value is not None}
        platform.store.put(place, seal(place, kept))

    return change


def tensors(change: Callable[[bytes], bytes]) -> Callable[[Platform, str], None]:
    return lambda platform, run: platform.store.put(
        key(run, "safetensors"), change(platform.store.get(key(run, "safetensors")))
    )


def signed(change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Callable[[Platform, str], None]:
    """Change the tensors and let the sidecar vouch for them: made with care, or by another version of the code."""

    def apply(platform: Platform, run: str) -> None:
        data = encode(change(decode(platform.store.get(key(run, "safetensors")))))
        phi = {name.removeprefix("phi/"): value for name, value in decode(data).items() if name.startswith("phi/")}
        platform.store.put(key(run, "safetensors"), data)
        fields(sha256=sha256_hex(data), phi_hash=fingerprint(phi))(platform, run)

    return apply


def of_another_run(platform: Platform, run: str) -> None:
    other = submit(platform, waves(seed=1))
    for ending in ("safetensors", "json"):
        platform.store.put(key(run, ending), platform.store.get(key(other, ending, 0)))


CHECKPOINTS = [
    Changed("a sidecar that is no JSON", sidecar(b"{"), "is no JSON"),
    Changed("an empty sidecar", sidecar(b""), "is no JSON"),
    Changed("a sidecar that is no text", sidecar(b"\xff\xfe"), "is no JSON"),
    Changed("a sidecar nested without end", sidecar(b"[" * 100_000), "is no JSON"),
    Changed("a sidecar that is a list", sidecar(b"[1]"), "holds list, expected an object"),
    Changed("a sidecar without hash", fields(sha256=None), "missing or of the wrong type: sha256"),
    Changed("a sidecar without anything", sidecar(b"{}"), "missing .* version, phi_hash, tasks, sha256"),
    Changed("tasks that are no number", fields(tasks="many"), "missing or of the wrong type: tasks"),
    Changed("another version", fields(version=3), "checkpoint 2 .* is that of version 3"),
    Changed("another run", of_another_run, "is that of version 0 of run 'waves-"),
    Changed("another hash of the file", fields(sha256="0" * 64), "is damaged: its SHA-256 is not 000"),
    Changed("another hash of φ", fields(phi_hash="0" * 64), "φ is not the one its sidecar names"),
    Changed("tensors cut short", tensors(lambda data: data[:-10]), "is damaged"),
    Changed("a flipped bit", tensors(lambda data: data[:-1] + bytes([data[-1] ^ 1])), "is damaged"),
    Changed(
        "no tensors", lambda platform, run: platform.store.delete(key(run, "safetensors")), "sidecar and no tensors"
    ),
    Changed("a pickle", tensors(lambda data: b"\x80\x04K\x01."), "is damaged"),
    Changed("another shape", signed(lambda each: each | {"phi/layer0.bias": torch.zeros(5)}), "in shape"),
    Changed(
        "one tensor too few", signed(lambda each: {n: v for n, v in each.items() if n != last_of(each)}), "in shape"
    ),
    Changed(
        "one tensor too many", signed(lambda each: each | {"phi/more": torch.zeros(1)}), "'more' in shape \\(1,\\)"
    ),
    Changed(
        "an optimiser's state of another",
        signed(lambda each: {n: v for n, v in each.items() if not n.startswith("optimizer/mean")}),
        "optimiser's state has|in shape",
    ),
]


def last_of(each: dict[str, torch.Tensor]) -> str:
    return max(name for name in each if name.startswith("phi/"))


@pytest.fixture
def trained(platform: Platform, sampled: Submit) -> str:
    """A run whose newest checkpoint is of version 2."""
    run = sampled()
    for version in range(2):
        for job in range(JOBS):
            Trainer(platform).handle(run, version, job, sent_at=0)
    assert platform.record.checkpoints(run) == [0, 2]
    return run


@pytest.mark.parametrize("changed", CHECKPOINTS, ids=lambda changed: changed.name)
def test_a_checkpoint_that_is_not_one(changed: Changed, platform: Platform, trained: str) -> None:
    # Given a checkpoint that was changed, if it is read
    changed.change(platform, trained)

    def read() -> None:
        check_fit(platform.run(trained), platform.checkpoints.load(trained, 2))

    # I expect an error that says what it lacks;
    with pytest.raises(FormatError, match=changed.expected):
        read()
    # and if Redis is lost, the run to go on from the one before, as if the bad one had never been written.
    platform.exchange.redis.flushall()
    reconcile_all(platform)
    state = platform.exchange.state(trained)
    assert state
    assert (state.head, state.status) == (0, "running")
    assert platform.record.checkpoints(trained) == [0]


def test_no_checkpoint_left(platform: Platform, trained: str, sampled: Submit) -> None:
    # Given a run none of whose checkpoints can be read, another that is well, and a Redis that was lost
    well = sampled()
    for version in (0, 2):
        platform.store.put(key(trained, "json", version), b"{")
    platform.exchange.redis.flushall()
    # If runs are reconciled, twice
    for _ in range(2):
        reconcile_all(platform)
    # I expect the one to have failed with its reason, and the other to go on;
    assert platform.record.status(trained) == "failed"
    assert "no readable checkpoint left" in platform.record.end_reason(trained, "failed")
    assert trained not in platform.record.active()
    assert platform.exchange.state(well) is not None
    # and a resume to say the same.
    with pytest.raises(RunError, match="no readable checkpoint left"):
        resume(platform, trained)


WHOLE = {"spec": {}, "input_shape": [1], "dataset": "digest", "train_classes": 0, "created_at": 0.0}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"{", "is no JSON"),
        (b"[]", "holds list"),
        (b"{}", "KeyError"),
        (canonical_json(WHOLE | {"spec": {"task": {"n_way": -1}}}), "n_way"),
        (b'{"spec": {}, "input_shape": 3}', "TypeError"),
        (canonical_json(WHOLE | {"spec_hash": "0" * 64}), "the hash of its spec is"),
    ],
)
def test_a_submission_that_cannot_be_read(platform: Platform, sampled: Submit, text: bytes, expected: str) -> None:
    # Given what was submitted, changed, beside a run that is well
    bad, well = sampled(), sampled()
    platform.store.put(f"submitted/{bad}.json", text)
    fresh = Platform.open(platform.settings)
    platform.exchange.redis.flushall()
    # If runs are reconciled, I expect the one to fail with its reason and the other to go on.
    reconcile_all(fresh)
    assert fresh.record.status(bad) == "failed"
    assert expected in fresh.record.end_reason(bad, "failed")
    assert fresh.exchange.state(well) is not None
    assert fresh.record.active() == [well]
    fresh.close()


def test_what_another_worker_can_read_is_left_to_it(platform: Platform, sampled: Submit) -> None:
    # Given a run that a newer version recorded, beside a run that is well, and a Redis that was lost
    newer, well = sampled(), sampled()
    text = json.loads(platform.store.get(f"submitted/{newer}.json"))
    platform.store.put(f"submitted/{newer}.json", canonical_json(text | {"schema": 1000}))
    fresh = Platform.open(platform.settings)
    platform.exchange.redis.flushall()
    # If runs are reconciled by a worker that cannot read it, I expect it to say so, and the run to wait for another.
    with pytest.raises(IncapableWorkerError, match=f"run {newer}: .*recorded by a newer version"):
        reconcile_all(fresh)
    assert fresh.record.status(newer) == "running"
    assert fresh.record.active() == sorted([newer, well])
    assert fresh.exchange.state(newer) is None
    assert fresh.exchange.state(well) is not None
    fresh.close()


def test_a_stray_mark_is_cleared(platform: Platform) -> None:
    # Given the mark of a run that was never submitted, if runs are reconciled, I expect it to be gone.
    platform.record.activate("nobody")
    reconcile_all(platform)
    assert platform.record.active() == []


def claimed(size: int) -> bytes:
    """Return a zstd frame that claims ``size`` bytes of content."""
    return b"\x28\xb5\x2f\xfd" + bytes([0b11100000]) + size.to_bytes(8, "little") + b"\x01\x00\x00"


def bomb(megabytes: int) -> bytes:
    """Return a zstd frame that does unpack to as much."""
    packer = zstandard.ZstdCompressor().compressobj(size=megabytes * 2**20)
    return b"".join(packer.compress(bytes(2**20)) for _ in range(megabytes)) + packer.flush()


EPISODE_BOMBS = {
    "a terabyte by its header": claimed(2**40),
    "a gigabyte and a byte by its header": claimed(2**30 + 1),
    "no size in its header": zstandard.ZstdCompressor(write_content_size=False).compress(b"\0" * 1000),
    "a bomb": bomb(2**10 + 1),
}


@pytest.mark.parametrize("payload", EPISODE_BOMBS.values(), ids=EPISODE_BOMBS.keys())
def test_episodes_that_are_a_bomb(payload: bytes) -> None:
    # Given episodes whose hash is right and that unpack to more than any may, I expect an error and no unpacking.
    with pytest.raises(FormatError, match=r"it unpacks to; allowed are 1073741824"):
        EpisodeBatch.from_bytes(MAGIC + hashlib.sha256(payload).digest() + payload)


def test_a_shard_that_is_a_bomb(platform: Platform) -> None:
    # Given a shard that unpacks to more than its index promises, I expect an error and no unpacking.
    data = zstandard.compress(b"\0" * 10_000_000)
    platform.store.put(f"datasets/shards/{sha256_hex(data)}", data)
    with pytest.raises(FormatError, match="does not unpack to the 784 bytes that its index promises"):
        _read_shard({"sha256": sha256_hex(data), "images": 1}, [1, 28, 28], np.dtype(np.uint8), platform.store)


def episodes(**changes: Any) -> bytes:
    """Return a job's file of two tasks, of which some arrays are others."""
    x, y = np.zeros((2, 4, 1), np.float32), np.ones((2, 4, 1), np.float32)
    arrays = {"support_x": x, "support_y": y, "query_x": x, "query_y": y}
    arrays |= {"classes": np.zeros((2, 0), np.int64), "origin": np.zeros((2, 0, 2), np.int32)}
    payload = zstandard.compress(save(arrays | changes))
    return MAGIC + hashlib.sha256(payload).digest() + payload


def test_the_whole_file_is_one() -> None:
    assert len(EpisodeBatch.from_bytes(episodes())) == 2


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"support_y": np.ones((2, 3, 1), np.float32)}, "support_y"),
        ({"query_x": np.zeros((1, 4, 1), np.float32)}, "query_x"),
        ({"support_x": np.zeros((2, 4, 1), np.float64)}, "support_x"),
        ({"support_x": np.zeros((), np.float32)}, "support_x"),
        ({"query_x": np.zeros((2, 4, 1, 8, 8), np.uint8)}, "query_x"),
        ({"query_y": np.zeros((2, 4), np.int64)}, "query_y"),
        ({"classes": np.zeros((1, 5), np.int64)}, "classes"),
        ({"origin": np.zeros((2, 8), np.int32)}, "origin"),
    ],
    ids=str,
)
def test_episodes_of_arrays_that_do_not_fit(changes: dict[str, Any], expected: str) -> None:
    # Given a whole file of arrays that are not of one batch, I expect an error that names one.
    with pytest.raises(FormatError, match=f"unreadable episode file: .*{expected}"):
        EpisodeBatch.from_bytes(episodes(**changes))


def test_episodes_of_another_run_are_drawn_again(platform: Platform, sampled: Submit) -> None:
    # Given a run, and in place of one job's episodes those of another run with other tasks
    run, other = sampled(), sampled(task={"n_way": 1, "k_shot": 7, "n_query": 2})
    mine, foreign = training_episodes_key(run, 0, 1), training_episodes_key(other, 0, 1)
    expected = platform.store.get(mine)
    platform.store.put(mine, platform.store.get(foreign))
    # If they are trained on, I expect them to be dropped and asked for again,
    Trainer(platform).handle(run, 0, 1, sent_at=0)
    assert not platform.store.exists(mine)
    assert steps_of(platform).contributed(run, 0) == set()
    assert platform.record.status(run) == "running"
    # and to be as they were.
    Sampler(platform).sample_training(run, 0, sent_at=0)
    assert platform.store.get(mine) == expected


def test_a_contribution_that_is_damaged(platform: Platform, sampled: Submit) -> None:
    # Given an open step in which one contribution lost its end
    run = sampled()
    for job in range(JOBS - 1):
        Trainer(platform).handle(run, 0, job, sent_at=0)
    place = steps_of(platform).contribution_key(run, 0, 1)
    platform.exchange.redis.set(place, platform.exchange.redis.get(place)[:-3])
    # If the last one arrives
    Trainer(platform).handle(run, 0, JOBS - 1, sent_at=0)
    # I expect no commit, and the damaged one to be asked for again.
    assert steps_of(platform).contributed(run, 0) == {0, 2}
    Trainer(platform).handle(run, 0, 1, sent_at=0)
    state = platform.exchange.state(run)
    assert state
    assert state.head == 1
