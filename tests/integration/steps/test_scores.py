"""What a version scored lies in Redis by name: loss and accuracy as ever, others beside them."""

import pytest

from phiforge.fleet.platform import Platform
from phiforge.runs.commit_log import Origin
from phiforge.runs.consistency.protocols import protocol_of
from phiforge.runs.steps import Commit, Ticket
from phiforge_client.submission import submit
from tests.fleet import small_spec, steps_of, tickets_of

pytestmark = pytest.mark.services

SCORES = {"loss": 0.25, "accuracy": 0.1 + 0.2, "depth": 3.0}
COMMIT = Commit(b"phi", b"optimizer", "hash", "hash", b"{}", SCORES, tasks=2)
ONE_JOB = {"versions": 3, "meta_batch": 2, "job_size": 2}


@pytest.mark.parametrize("consistency", ["synchronous", "bounded_staleness"])
def test_scores_are_kept_by_name(platform: Platform, consistency: str) -> None:
    # Given a run, and a contribution of its only job
    run = submit(platform, small_spec(consistency=consistency, outer=ONE_JOB))
    record, state = platform.run(run), platform.exchange.state(run)
    assert state
    assert state.scores == {}
    protocol = protocol_of(platform, record)
    origin = Origin("contribution", "episodes", "somebody", 0.1)
    protocol.publish(record, Ticket(0, 0), state, b"contribution", origin)
    assert protocol.contributed(run, 0) == {(0, 0)}
    step = protocol.open_step(record)
    assert step
    # If it is committed with scores of any names
    assert protocol.commit(record, step, COMMIT)
    # I expect each where it is looked for, to the bit; loss and accuracy in the fields that they always had.
    after = platform.exchange.state(run)
    assert after
    assert (after.head, after.scores) == (1, SCORES)
    fields = platform.exchange.redis.hgetall(platform.exchange.key(run, "state"))
    assert [float(fields[name]) for name in (b"loss", b"accuracy", b"score:depth")] == list(SCORES.values())
    # and nothing left of what it was made of.
    assert protocol.contributed(run, 0) == set()
    assert not platform.exchange.redis.keys(platform.exchange.key(run, "contribution:*"))
    assert not platform.exchange.redis.keys(platform.exchange.key(run, "staged:*"))
    # If it is committed once more, I expect that to be turned away.
    assert not protocol.commit(record, step, COMMIT)
    assert not platform.exchange.redis.keys(platform.exchange.key(run, "staged:*"))


def test_each_consistency_has_its_own_keys(platform: Platform) -> None:
    # Given a run of each, I expect only one to have tickets.
    runs = {name: submit(platform, small_spec(consistency=name)) for name in ("synchronous", "bounded_staleness")}
    assert tickets_of(platform).open(runs["synchronous"]) == set()
    assert len(tickets_of(platform).open(runs["bounded_staleness"])) == 4
    assert steps_of(platform).contributed(runs["synchronous"], 0) == set()
