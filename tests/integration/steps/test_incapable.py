"""A worker that lacks the engine of a run leaves its work to others."""

import time

import pytest

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.judging import kind_of
from phiforge_client.submission import submit
from phiforge_evaluator.chunk import Evaluator
from phiforge_sampler.service import Sampler
from phiforge_trainer.worker import Trainer
from tests.fleet import small_spec

pytestmark = pytest.mark.services


@pytest.mark.parametrize("consistency", ["synchronous", "bounded_staleness"])
def test_a_worker_that_lacks_the_engine_leaves_the_job_to_others(
    platform: Platform, settings: Settings, consistency: str
) -> None:
    # Given a run whose engine was left to be settled, and a worker on another kind of device than the engine's
    run = submit(platform, small_spec(consistency=consistency))
    Sampler(platform).sample_training(run, 0, sent_at=0)
    assert platform.run(run).spec.numerics.engine == "fused"
    platform.exchange.redis.delete(platform.queue.name("training"))
    platform.settings = settings.model_copy(update={"device": "cuda:0", "lease_seconds": 0.2})
    trainer = Trainer(platform)
    # If it takes a job, I expect that to be in the queue again, and to be no attempt that counts;
    trainer.handle(run, 0, 0, sent_at=0)
    assert platform.record.status(run) == "running"
    assert platform.exchange.waiting(platform.queue.name("training")) == 1
    assert platform.exchange.redis.keys(f"*{run}*attempts*") == []
    # if nobody else is there to take it, the run to fail and say how to submit it.
    deadline = time.monotonic() + 60
    while platform.record.status(run) == "running":
        assert time.monotonic() < deadline
        trainer.handle(run, 0, 0, sent_at=0)
    reason = platform.record.end_reason(run, "failed")
    assert reason.startswith("no trainer of this fleet can do its work: 1 on cuda:0 with engines torch, vmap: ")
    assert "lacks engine 'fused'" in reason
    assert "numerics.engine=torch" in reason
    assert run not in platform.record.active()


def test_an_evaluator_that_lacks_the_engine_leaves_the_chunk_to_others(platform: Platform, settings: Settings) -> None:
    # Given an evaluator on another kind of device than the engine's of a run, whose first chunk has its episodes
    run = submit(platform, small_spec())
    Sampler(platform).sample_evaluation(run, "validation", 0, sent_at=0)
    queue, kind = platform.queue.name("evaluation"), kind_of(platform.run(run), "validation")
    platform.exchange.redis.delete(queue)
    elsewhere = settings.model_copy(update={"device": "cuda:0", "store_url": platform.store.url})
    there = Platform.open(elsewhere)
    # If it takes that chunk, I expect it to be in the queue again,
    Evaluator(there).handle(run, "validation", 0, 0, sent_at=0)
    there.close()
    assert platform.exchange.scores(run, kind, 0) == {}
    assert platform.exchange.waiting(queue) == 1
    # and scored by the next that can.
    Evaluator(platform).handle(run, "validation", 0, 0, sent_at=0)
    assert list(platform.exchange.scores(run, kind, 0)) == [0]
    assert platform.record.status(run) == "running"
