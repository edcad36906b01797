"""Verification computes a run again from its record, whole or in part, and names what differs first."""

import json

import pytest

from phiforge.base.errors import RunError
from phiforge.fleet.platform import Platform
from phiforge.runs.keys import training_episodes_key
from phiforge_client.submission import submit
from phiforge_client.verification import verify
from phiforge_evaluator.chunk import Evaluator
from phiforge_sampler.service import Sampler
from tests.integration.lineage.runs import CHECKPOINTS, JOBS, VERSIONS, move, spec_of

pytestmark = pytest.mark.services


def test_verify_everything(platform: Platform, run: str) -> None:
    # Given a run whose training is over, and of whose episodes half are deleted
    move(platform, run)
    for version in range(0, VERSIONS, 2):
        for job in range(JOBS):
            platform.store.delete(training_episodes_key(run, version, job))
    # If all of it is verified
    found = verify(platform, run, every=True)
    # I expect every version and checkpoint to be compared, half of the episodes made again, and no difference.
    assert found.differences == []
    assert found.versions == list(range(1, VERSIONS + 1))
    assert found.checkpoints == CHECKPOINTS
    assert (found.episodes_read, found.episodes_made) == (VERSIONS * JOBS // 2, VERSIONS * JOBS // 2)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_verify_what_was_mapped(platform: Platform, dtype: str) -> None:
    # Given a run by engine vmap, of jobs of three episodes in chunks of two, with averages in φ
    learner = {"name": "maml", "network": {"name": "conv4", "channels": 8, "norm": "running"}}
    outer = {"versions": 2, "meta_batch": 6, "job_size": 3}
    judged = {"validation_tasks": 3, "test_tasks": 2}
    numerics = {"engine": "vmap", "chunk": 2, "dtype": dtype}
    run = submit(platform, spec_of(learner=learner, outer=outer, numerics=numerics, evaluation=judged))
    move(platform, run, 2)
    # If all of it is computed again, I expect the same bits, and φ in float32.
    assert verify(platform, run, every=True).differences == []
    phi = platform.checkpoints.load(run, 2).phi
    assert {str(value.dtype) for value in phi.values()} == {"torch.float32"}
    # If φ is judged by the same engine, I expect a score of each validation task.
    Sampler(platform).sample_evaluation(run, "validation", 0, sent_at=0)
    Evaluator(platform).handle(run, "validation", 2, 0, sent_at=0)
    assert len(platform.record.scores(run, "validation", 2)["per_task"]["loss"]) == 3


def test_verify_a_part(platform: Platform, trained: str) -> None:
    # Given a run whose training is over, I expect its last interval to be verified if nothing is said,
    assert verify(platform, trained).versions == [7, 8]
    # a version from the checkpoint below it,
    found = verify(platform, trained, 5)
    assert (found.start, found.versions, found.differences) == (3, [4, 5], [])
    # and version 0 by the seed alone.
    found = verify(platform, trained, 0)
    assert (found.start, found.versions, found.differences) == (0, [], [])
    # If there is no such version, I expect to be told which there are.
    with pytest.raises(RunError, match="has no version 9 in its record; allowed: 0 to 8"):
        verify(platform, trained, 9)


def test_verify_names_what_differs_first(platform: Platform, run: str) -> None:
    # Given a log in which one contribution of version 5 is another
    move(platform, run)
    key = f"runs/{run}/log/00000006.jsonl"
    lines = [json.loads(line) for line in platform.store.get(key).splitlines()]
    lines[1]["jobs"][2]["contribution"] = "0" * 64
    platform.store.put(key, b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    # I expect version 5 and job 2 to be named, and nothing beyond to be computed.
    found = verify(platform, run, every=True)
    assert [(each.version, each.job, each.what) for each in found.differences] == [(5, 2, "contribution")]
    assert found.versions == [1, 2, 3, 4, 5]
    assert found.differences[0].logged == "0" * 64
    # Given another φ in the checkpoint of version 3, with a sidecar that fits it, I expect that to be found before.
    checkpoint = platform.checkpoints.load(run, 3)
    other = platform.checkpoints.load(run, 6)
    platform.checkpoints.save(run, other.__class__(3, other.phi, checkpoint.optimizer, other.phi_hash, 24))
    found = verify(platform, run, every=True)
    assert [(each.version, each.what) for each in found.differences] == [(3, "checkpoint's phi_hash")]
    found = verify(platform, run, 4)
    assert [(each.version, each.what) for each in found.differences] == [(3, "phi_hash")]


def test_verify_finds_damaged_objects(platform: Platform, run: str) -> None:
    # Given other episodes in the place of a job's, a damaged episode file, and a damaged checkpoint
    move(platform, run)
    episodes = [training_episodes_key(run, 6, job) for job in range(JOBS)]
    platform.store.put(episodes[3], platform.store.get(episodes[2]))
    # I expect each to be found.
    found = verify(platform, run)
    assert [(each.version, each.job, each.what) for each in found.differences[:2]] == [
        (7, 3, "episodes"),
        (7, 3, "contribution"),
    ]
    platform.store.delete(episodes[3])
    platform.store.put(episodes[1], platform.store.get(episodes[1])[:-1])
    found = verify(platform, run)
    assert [(each.version, each.job, each.what) for each in found.differences] == [(7, 1, "episode file")]
    key = f"runs/{run}/checkpoints/00000006.safetensors"
    platform.store.put(key, platform.store.get(key)[:-1])
    found = verify(platform, run)
    assert [(each.version, each.what) for each in found.differences] == [(6, "checkpoint")]
