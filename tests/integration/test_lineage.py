"""From φ to what it was made of and back: logs, verification, branches and retention, on a real Redis, step by step."""

import io
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from client.branching import branch
from client.lineage_view import print_verified, print_where, print_why
from client.servers import RedisServer
from client.submission import submit
from client.verification import verify
from client.why import where, why
from evaluator.chunk import Evaluator
from phiforge.episodes import EpisodeBatch, digest_of
from phiforge.errors import RunError, SpecError
from phiforge.lineage import Difference, reproducible
from phiforge.platform import Platform
from phiforge.progress import reconcile
from phiforge.record import training_episodes_key
from phiforge.settings import Settings
from phiforge.tensors import encode
from sampler.datasets import load
from sampler.service import Sampler
from tests.fleet import small_spec
from trainer.job import Trainer

pytestmark = pytest.mark.services

VERSIONS, JOBS = 8, 4
CHECKPOINTS = [0, 3, 6, 8]


def spec_of(**changes: Any) -> dict[str, Any]:
    """Return a small spec with a checkpoint every three versions."""
    plain: dict[str, Any] = {
        "outer": {"versions": VERSIONS, "meta_batch": 8, "job_size": 2},
        "checkpoint": {"every": 3},
        "evaluation": {"every": 100, "validation_tasks": 2, "test_tasks": 2},
    }
    return small_spec(**plain | changes)


@pytest.fixture(scope="module")
def platform(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A fleet's connections, with no service anywhere."""
    namespace = f"lineage-{uuid.uuid4().hex[:8]}"
    platform = Platform.open(
        Settings(home=tmp_path_factory.mktemp("lineage"), redis_url=redis_server.url, namespace=namespace)
    )
    yield platform
    platform.close()


def move(platform: Platform, run: str, upto: int = VERSIONS) -> None:
    """Take the steps of ``run`` up to a version, as a fleet of one would."""
    sampler, trainer = Sampler(platform), Trainer(platform)
    state = platform.exchange.state(run)
    assert state
    for version in range(state.head, upto):
        sampler.sample_training(run, version, sent_at=0)
        for job in range(platform.run(run).spec.outer.jobs):
            trainer.handle(run, version, job, sent_at=0)
    state = platform.exchange.state(run)
    assert state
    assert state.head == upto


@pytest.fixture(scope="module")
def trained(platform: Platform) -> str:
    """A run whose training is over; tests must leave it as it is."""
    run = submit(platform, spec_of())
    move(platform, run)
    return run


@pytest.fixture
def run(platform: Platform) -> str:
    """A run of its own, at version 0."""
    return submit(platform, spec_of())


def log_of(platform: Platform, run: str) -> list[dict[str, Any]]:
    return [reproducible(entry) for entry in platform.record.log(run)]


def key_of(platform: Platform, run: str, name: str) -> str:
    return f"{platform.settings.namespace}:{{{run}}}:{name}"


# The log


def test_an_entry_says_what_a_version_was_made_of(platform: Platform, trained: str) -> None:
    # Given a run whose training is over, I expect each entry to name what went in and what came out,
    entries = list(platform.record.log(trained))
    assert [entry["version"] for entry in entries] == list(range(1, VERSIONS + 1))
    before = platform.record.checkpoint(trained, 0).phi_hash
    for entry in entries:
        assert entry["spec_hash"] == platform.run(trained).spec.hash
        assert entry["phi_hash_before"] == before
        before = entry["phi_hash"]
        for job in range(JOBS):
            data = platform.store.get(training_episodes_key(trained, entry["version"] - 1, job))
            assert entry["jobs"][job]["episodes"] == digest_of(data)
        # and who made it, and when, apart from that.
        assert entry["observed"]["committed_by"].startswith("training-")
        assert entry["observed"]["committed_at"] > platform.run(trained).created_at
        assert [set(job) for job in entry["observed"]["jobs"]] == [{"worker", "compute_seconds"}] * JOBS
        assert all(0 < job["compute_seconds"] < 60 for job in entry["observed"]["jobs"])
    assert before == platform.record.checkpoint(trained, VERSIONS).phi_hash


def test_two_runs_of_one_spec_have_equal_logs(platform: Platform, trained: str, run: str) -> None:
    # Given the same spec run again
    move(platform, run, 3)
    # I expect the same entries, but for who worked and when.
    assert log_of(platform, run) == log_of(platform, trained)[:3]
    assert list(platform.record.log(run)) != list(platform.record.log(trained))[:3]


# What is damaged on the way


@pytest.mark.parametrize("damage", ["contribution", "origin"])
def test_a_damaged_contribution_is_never_applied(platform: Platform, trained: str, run: str, damage: str) -> None:
    # Given contributions of all jobs but one, of which one turns into another whole contribution, or loses its origin
    sampler, trainer = Sampler(platform), Trainer(platform)
    sampler.sample_training(run, 0, sent_at=0)
    for job in range(JOBS - 1):
        trainer.handle(run, 0, job, sent_at=0)
    there = platform.exchange.open_step(run, 0)
    assert there
    if damage == "contribution":
        platform.exchange.redis.hset(key_of(platform, run, "contributions:0"), "1", there.contributions[2])
    else:
        platform.exchange.redis.hdel(key_of(platform, run, "origins:0"), "1")
    # If the last job comes in
    waiting = platform.exchange.waiting(platform.queue.name("training"))
    trainer.handle(run, 0, JOBS - 1, sent_at=0)
    # I expect no commit; the damaged one dropped and asked for again, the others kept;
    state = platform.exchange.state(run)
    assert state
    assert state.head == 0
    assert platform.exchange.contributed(run, 0) == {0, 2, 3}
    assert platform.exchange.waiting(platform.queue.name("training")) == waiting + 1
    # and the commit as if nothing had happened, when it comes.
    trainer.handle(run, 0, 1, sent_at=0)
    entry = json.loads(platform.exchange.log(run)[1])
    assert reproducible(entry) == log_of(platform, trained)[0]


@pytest.mark.parametrize("name", ["optimizer:2", "phi:2"])
@pytest.mark.parametrize("cut", [True, False])
def test_a_damaged_head_is_restored(platform: Platform, trained: str, run: str, name: str, cut: bool) -> None:
    # Given a run of which Redis holds φ or the optimiser's state cut short, or with one bit flipped
    move(platform, run, 2)
    Sampler(platform).sample_training(run, 2, sent_at=0)
    for job in range(JOBS - 1):
        Trainer(platform).handle(run, 2, job, sent_at=0)
    key = key_of(platform, run, name)
    data = platform.exchange.redis.get(key)
    platform.exchange.redis.set(key, data[:-1] if cut else data[:-1] + bytes([data[-1] ^ 1]))
    # If the last job comes in
    Trainer(platform).handle(run, 2, JOBS - 1, sent_at=0)
    # I expect no commit from it, but another start from the newest checkpoint, to the same log.
    reconcile(platform, run)
    state = platform.exchange.state(run)
    assert state
    assert state.head == 0
    move(platform, run, 3)
    assert log_of(platform, run) == log_of(platform, trained)[:3]


@pytest.mark.parametrize("what", ["optimizer:3", "log"])
def test_nothing_damaged_becomes_a_checkpoint(
    platform: Platform, trained: str, run: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a version that was committed, by a worker that died before it wrote the checkpoint
    with monkeypatch.context() as dying:
        dying.setattr("trainer.job.advance", lambda *_: None)
        move(platform, run, 3)
    # If what Redis holds of it is damaged, and reconcile writes the checkpoint
    key = key_of(platform, run, what)
    if what == "log":
        line = platform.exchange.redis.hget(key, "2")
        platform.exchange.redis.hset(key, "2", line.replace(b'"loss":', b'"lost":'))
    else:
        platform.exchange.redis.copy(key_of(platform, run, "optimizer:2"), key, replace=True)
    platform.exchange.redis.hset(key_of(platform, run, "state"), "moved_at", 0)
    reconcile(platform, run)
    # I expect it not to, and the run to go back to the checkpoint before, to the same log.
    assert platform.record.checkpoints(run) == [0]
    reconcile(platform, run)
    move(platform, run, 3)
    assert log_of(platform, run) == log_of(platform, trained)[:3]
    assert platform.record.checkpoints(run) == [0, 3]


# Verification


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
    phi = platform.record.checkpoint(run, 2).phi
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
    checkpoint = platform.record.checkpoint(run, 3)
    other = platform.record.checkpoint(run, 6)
    platform.record.save_checkpoint(run, other.__class__(3, other.phi, checkpoint.optimizer, other.phi_hash, 24))
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


# Source items


def test_why(platform: Platform, trained: str) -> None:
    # Given a version
    found = why(platform, trained, 4)
    dataset = load(platform.run(trained).dataset, platform.store)
    size = {each.name: each for each in dataset.classes}
    # I expect every example of every episode behind it to be an image of the dataset, as it was turned,
    for job in found.jobs:
        assert job.as_logged
        batch = EpisodeBatch.from_bytes(platform.store.get(training_episodes_key(trained, 3, job.job)))
        assert len(job.episodes) == len(batch) == 2
        for index, episode in enumerate(job.episodes):
            assert (len(episode.support), len(episode.query)) == (5, 15)
            for items, images in ((episode.support, batch.support_x), (episode.query, batch.query_x)):
                for item, image in zip(items, images[index], strict=True):
                    assert size[item.name].first + item.drawing == item.image
                    turned = np.rot90(dataset.images[item.image], item.quarter_turns, axes=(1, 2))
                    assert np.array_equal(image, turned)
    # and from each the way back to this version, its job and its episode.
    item = found.jobs[1].episodes[0].query[7]
    back = where(platform, trained, item.name, item.drawing)
    assert (4, 1, 0, "query", item) in [tuple(each) for _, each in back]
    assert {each.item.image for _, each in back} == {item.image}
    of_class = where(platform, trained, item.name)
    assert {each.version for _, each in back} <= {each.version for _, each in of_class}
    counted = sum(
        each.name == item.name
        for version in range(1, VERSIONS + 1)
        for job in why(platform, trained, version).jobs
        for episode in job.episodes
        for each in (*episode.support, *episode.query)
    )
    assert len(of_class) == counted


def test_why_not(platform: Platform, trained: str) -> None:
    # Given what has no episodes behind it, or does not exist, I expect to be told so, with what there is.
    with pytest.raises(RunError, match="drawn from the seed"):
        why(platform, trained, 0)
    with pytest.raises(RunError, match="allowed: 0 to 8"):
        why(platform, trained, 99)
    with pytest.raises(RunError, match=r"no class 'nobody'; the first are: "):
        where(platform, trained, "nobody")
    name = why(platform, trained, 1).jobs[0].episodes[0].support[0].name
    with pytest.raises(RunError, match="has no drawing 8; allowed: 0 to 7"):
        where(platform, trained, name, 8)


def test_mirrored_and_turned_items(platform: Platform) -> None:
    # Given a run that turns its classes and mirrors them
    data = {"name": "glyphs", "drawings": 8, "image_size": 16, "rotations": True}
    run = submit(platform, spec_of(data=data, sampling={"augmentation": "mirror"}, outer={"versions": 1}))
    move(platform, run, 1)
    # I expect the items to say so, and to be found by that.
    batch = EpisodeBatch.from_bytes(platform.store.get(training_episodes_key(run, 0, 0)))
    dataset = load(platform.run(run).dataset, platform.store)
    items = why(platform, run, 1).jobs[0].episodes[1].support
    assert {item.mirrored for item in items} == {True, False}
    for item, image in zip(items, batch.support_x[1], strict=True):
        turned = np.rot90(dataset.images[item.image], item.quarter_turns, axes=(1, 2))
        assert np.array_equal(image, np.flip(turned, axis=2) if item.mirrored else turned)
    assert items[0] in [each.item for _, each in where(platform, run, items[0].name)]


def test_a_formula_has_no_items(platform: Platform) -> None:
    # Given a regression
    spec = spec_of(
        data={"name": "sinusoid"},
        task={"n_way": 1, "k_shot": 5, "n_query": 5},
        learner={"name": "maml", "network": {"name": "mlp"}},
        outer={"versions": 2},
    )
    run = submit(platform, spec)
    move(platform, run, 2)
    # I expect its steps to be verified, its episodes to be named, and no items.
    assert verify(platform, run).differences == []
    assert all(job.as_logged for job in why(platform, run, 2).jobs)
    with pytest.raises(RunError, match="drawn from a formula"):
        where(platform, run, "A")


def test_what_a_person_sees(platform: Platform, trained: str) -> None:
    # Given what lies behind a version, where one of its classes took part, and two verifications
    def shown(show: Callable[[Console], None]) -> str:
        console = Console(file=io.StringIO(), width=200)
        show(console)
        return console.file.getvalue()

    explained = why(platform, trained, 4)
    item = explained.jobs[2].episodes[1].query[3]
    places = where(platform, trained, item.name)
    verified = verify(platform, trained, 4)
    differing = verified._replace(
        differences=[Difference(4, None, "phi_hash", "a", "b"), Difference(4, 2, "contribution", "c", "d")]
    )
    # I expect each to say it in words: hashes, names, places,
    step = shown(lambda console: print_why(console, explained))
    assert f"step to version 4: φ {explained.entry['phi_hash_before'][:12]}" in step
    assert step.count("as logged") == JOBS
    assert item.name in step
    assert len({each.version for _, each in places}) > 1
    back = shown(lambda console: print_where(console, places))
    assert f"in {len({each.version for _, each in places})} versions" in back
    assert "every hash is the same" in shown(lambda console: print_verified(console, verified))
    # and what differs first.
    assert "version 4, job 2, is the first that differs" in shown(lambda console: print_verified(console, differing))


# Branches


@pytest.mark.parametrize("at", [3, 5, 8])
def test_a_branch_without_a_change_comes_to_the_same_phi(platform: Platform, trained: str, at: int) -> None:
    # Given a branch at a version with a checkpoint, at one without, or at the end
    new = branch(platform, trained, at)
    parent = platform.run(new).parent
    assert parent
    assert (parent.run, parent.version) == (trained, at)
    # If it is trained
    move(platform, new)
    # I expect the parent's log from there on, to the bit, and its checkpoints;
    assert log_of(platform, new) == log_of(platform, trained)[at:]
    assert platform.record.checkpoints(new) == sorted({at} | {each for each in CHECKPOINTS if each >= at})
    assert platform.record.checkpoint(new, VERSIONS).tasks == VERSIONS * 8
    # and it verified, and its versions before the branch explained by the parent.
    assert verify(platform, new, every=True).differences == []
    assert why(platform, new, 2).run == trained
    item = why(platform, new, 8).jobs[0].episodes[0].support[0]
    assert where(platform, new, item.name) == [
        (trained if each.version <= at else new, each) for _, each in where(platform, trained, item.name)
    ]


def test_a_branch_of_a_branch_with_changes(platform: Platform, trained: str) -> None:
    # Given a branch with another rate and more tasks a version, and one of that
    first = branch(platform, trained, 3, ["outer.lr=0.01", "outer.meta_batch=4", "name=other"])
    move(platform, first, 6)
    second = branch(platform, first, 6, ["outer.versions=7"])
    move(platform, second, 7)
    # I expect another φ, the tasks of all to be counted, and each to be verified.
    assert log_of(platform, first)[0]["phi_hash"] != log_of(platform, trained)[3]["phi_hash"]
    assert platform.record.checkpoint(second, 7).tasks == 3 * 8 + 4 * 4
    assert first.startswith("other-")
    assert verify(platform, second, every=True).differences == []
    assert [why(platform, second, version).run for version in (3, 4, 7)] == [trained, first, second]


def test_another_optimizer_starts_afresh(platform: Platform, trained: str) -> None:
    # Given branches with another kind of optimiser, and with another setting of the same
    fresh = branch(platform, trained, 3, ["outer.optimizer={name: sgd, momentum: 0.5}"])
    same = branch(platform, trained, 3, ["outer.optimizer.beta1=0.8"])
    # I expect a fresh state for the one, and the parent's for the other;
    state = platform.record.checkpoint(fresh, 3).optimizer
    assert {name.split("/")[0] for name in state} == {"momentum"}
    assert not any(value.any() for value in state.values())
    parents = platform.record.checkpoint(trained, 3).optimizer
    carried = platform.record.checkpoint(same, 3).optimizer
    assert encode(carried) == encode(parents)
    # and Adam that begins in the middle to know its first update from its fourth.
    move(platform, fresh, 4)
    move(platform, fresh, 6)
    back = branch(platform, fresh, 6, ["outer.optimizer={name: adam}", "outer.lr=0.001", "outer.clip_norm=null"])
    before = platform.record.checkpoint(back, 6).phi
    move(platform, back)
    after = platform.record.checkpoint(back, 8).phi
    moved = max(float((after[name] - before[name]).abs().max()) for name in after)
    assert 1.8 * 0.001 < moved < 2 * 0.001 * 1.01
    assert verify(platform, back, every=True).differences == []


def test_branches_that_make_no_sense(platform: Platform, trained: str) -> None:
    # Given changes that no φ of the parent fits, that are no valid spec, or versions that are not there
    runs = platform.record.runs()
    with pytest.raises(RunError, match=r"does not fit.* it has .*conv0\.weight \[16, 1, 3, 3\].* needs .*\[8, "):
        branch(platform, trained, 3, ["learner.network.channels=8"])
    with pytest.raises(SpecError, match=r"outer\.job_size: 3 does not divide"):
        branch(platform, trained, 3, ["outer.job_size=3"])
    with pytest.raises(SpecError, match=r"outer\.versions: 2, but the branch starts at version 3"):
        branch(platform, trained, 3, ["outer.versions=2"])
    with pytest.raises(SpecError, match="5000 ways"):
        branch(platform, trained, 3, ["task.n_way=5000"])
    with pytest.raises(RunError, match="has no version 9 in its record; allowed: 0 to 8"):
        branch(platform, trained, 9)
    # I expect an error for each and nothing queued.
    assert platform.record.runs() == runs


# Resuming


@pytest.mark.parametrize("newest", CHECKPOINTS[:-1])
def test_going_on_from_any_checkpoint(platform: Platform, trained: str, newest: int) -> None:
    # Given a run that lost its later checkpoints, their episodes, and all of Redis
    run = branch(platform, trained, 0)
    move(platform, run)
    for version in CHECKPOINTS:
        if version > newest:
            platform.record.delete_checkpoint(run, version)
    for _, key in list(platform.record.training_episodes(run)):
        platform.store.delete(key)
    platform.exchange.redis.flushall()
    # If it goes on
    reconcile(platform, run)
    state = platform.exchange.state(run)
    assert state
    assert state.head == newest
    move(platform, run)
    # I expect the same checkpoints to the byte, optimiser included, and the same log.
    for version in CHECKPOINTS[1:]:
        name = f"checkpoints/{version:08d}.safetensors"
        assert platform.store.get(f"runs/{run}/{name}") == platform.store.get(f"runs/{trained}/{name}")
    assert log_of(platform, run) == log_of(platform, trained)


# Retention


def versions_with_episodes(platform: Platform, run: str) -> list[int]:
    return sorted({version for version, _ in platform.record.training_episodes(run)})


def test_episodes_go_when_no_restore_needs_them(platform: Platform, run: str) -> None:
    # Given a run whose sampler is ahead
    sampler = Sampler(platform)
    move(platform, run, 4)
    sampler.sample_training(run, 4, sent_at=0)
    made = platform.store.get(training_episodes_key(run, 1, 2))
    # If its newest checkpoint is version 3, I expect the episodes from there on to stay,
    sampler.retain(run, sent_at=0)
    assert versions_with_episodes(platform, run) == [3, 4]
    # a late message to bring none back, nor reconcile to ask for any,
    sampler.sample_training(run, 1, sent_at=0)
    platform.exchange.redis.hset(key_of(platform, run, "state"), "moved_at", 0)
    asked = platform.exchange.waiting(platform.queue.name("sampling"))
    reconcile(platform, run)
    assert platform.exchange.waiting(platform.queue.name("sampling")) == asked + (VERSIONS - 5)
    assert versions_with_episodes(platform, run) == [3, 4]
    # and each to come out with the same bytes when it is made again.
    assert sampler.training_batch(platform.run(run), 1, 2).to_bytes() == made
    # If training is over, I expect none to be left.
    move(platform, run)
    sampler.retain(run, sent_at=0)
    assert versions_with_episodes(platform, run) == []


def test_how_much_is_kept_is_a_setting(platform: Platform, run: str) -> None:
    # Given settings that keep two versions more, or all
    move(platform, run, 4)
    for keep, left in (("all", [0, 1, 2, 3]), (2, [1, 2, 3])):
        settings = platform.settings.model_copy(update={"keep_episodes": keep})
        keeping = Platform(settings, platform.store, platform.exchange, platform.queue)
        Sampler(keeping).retain(run, sent_at=0)
        # I expect just those to be left.
        assert versions_with_episodes(platform, run) == left


def test_many_episodes_go_a_batch_at_a_time(platform: Platform, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a run that is over, and a batch smaller than its episodes
    move(platform, run, 4)
    platform.record.end(run, "cancelled", "enough")
    monkeypatch.setattr("phiforge.retention.BATCH", 10)
    assert run in platform.record.ended()
    # If services look at it again and again, I expect one of them to ask for now.
    assert [platform.exchange.retention_due(run, 60) for _ in range(3)] == [True, False, False]
    # If a sampler takes the message, I expect it to delete a batch and to send itself another, until none is left.
    for left in (6, 0):
        asked = platform.exchange.waiting(platform.queue.name("sampling"))
        Sampler(platform).retain(run, sent_at=0)
        assert len(list(platform.record.training_episodes(run))) == left
        assert platform.exchange.waiting(platform.queue.name("sampling")) == asked + bool(left)
    assert run not in platform.record.ended()


def test_checkpoints_are_thinned_if_wanted(platform: Platform, trained: str) -> None:
    # Given settings that keep the newest two checkpoints, and validations every four versions
    settings = platform.settings.model_copy(update={"keep_checkpoints": 2})
    thinning = Platform(settings, platform.store, platform.exchange, platform.queue)
    evaluation = {"every": 4, "validation_tasks": 2, "test_tasks": 2}
    run = submit(thinning, spec_of(checkpoint={"every": 1}, evaluation=evaluation))
    # If it is trained, I expect the first, the validated and the newest two to be left,
    move(thinning, run, 7)
    assert platform.record.checkpoints(run) == [0, 4, 6, 7]
    move(thinning, run)
    assert platform.record.checkpoints(run) == [0, 4, 7, 8]
    # to the same φ, and the others to be computed again where they are asked for.
    assert [each["phi_hash"] for each in log_of(platform, run)] == [
        each["phi_hash"] for each in log_of(platform, trained)
    ]
    assert verify(platform, run, 6).differences == []
    new = branch(platform, run, 6)
    assert platform.record.checkpoint(new, 6).phi_hash == log_of(platform, run)[5]["phi_hash"]
