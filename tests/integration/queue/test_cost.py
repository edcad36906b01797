"""A thousand runs that wait cost the fleet what ten do."""

from collections import Counter

import pytest

from phiforge.fleet.platform import Platform
from phiforge.runs.reconcile import reconcile_all
from phiforge.runs.waiting.entry import Entry
from phiforge.runs.waiting.line import Line, Waiting, Where
from phiforge_client.view import all_views
from phiforge_evaluator.collector import RunCollector
from tests.integration.queue.conftest import Submit, fail

pytestmark = pytest.mark.services

FEW, MANY = 10, 1000


class Counted:
    """A store that counts what it is asked."""

    def __init__(self, store):
        self._store, self.asked = store, Counter()

    def __getattr__(self, name):
        found = getattr(self._store, name)
        if not callable(found):
            return found

        def call(*arguments):
            self.asked[name] += 1
            return found(*arguments)

        return call


@pytest.fixture(params=[FEW, MANY])
def many(request: pytest.FixtureRequest, platform: Platform, line: Line, queued: Submit) -> int:
    """Queue so many runs behind an active one: copies of one that was submitted, under names of their own."""
    platform.settings = platform.settings.model_copy(update={"stall_seconds": 3600.0})
    queued()
    model = platform.run(queued())
    for number in range(1, request.param):
        record = model._replace(run=f"copy-{number:04d}")
        platform.record.create(record)
        line.put(Waiting(Entry.of(record, line.new_place()), Where.READY))
    return request.param


def asked_for(platform: Platform, action) -> tuple[Counter, Counter]:
    """Return what the store and Redis were asked for by ``action``, of runs that moved just now: none is helped."""
    for run in platform.record.active():
        platform.exchange.touch(run, "state")
        platform.exchange.touch(run, "evaluation")
    counted, redis = Counted(platform.store), platform.exchange.redis
    platform.store = platform.record.store = counted
    redis.config_resetstat()
    action()
    stats = {name.removeprefix("cmdstat_"): fields["calls"] for name, fields in redis.info("commandstats").items()}
    platform.store = platform.record.store = counted._store
    return counted.asked, Counter(stats)


EXPECTED: dict[str, tuple[Counter, Counter]] = {}


def same_for_all(name: str, found: tuple[Counter, Counter]) -> None:
    """Expect what was asked for with few runs to be what is with many."""
    assert found == EXPECTED.setdefault(name, found)


def test_a_look_at_all_runs(platform: Platform, many: int) -> None:
    # Given many runs that wait, if services look, I expect as many requests as with few, and no scan of Redis.
    reconcile_all(platform)
    found = asked_for(platform, lambda: reconcile_all(platform))
    assert not found[1]["scan"]
    assert not found[1]["keys"]
    same_for_all("look", found)


def test_an_admission(platform: Platform, many: int) -> None:
    # Given many runs that wait, if one makes room, I expect the next to be admitted for as many requests as with few.
    (first,) = platform.record.active()
    same_for_all("admission", asked_for(platform, lambda: fail(platform, first)))
    assert platform.record.active() != [first]


def test_a_scrape(platform: Platform, many: int) -> None:
    # Given many runs that wait, and metrics that were asked for before
    collector = RunCollector(platform)
    waits = {sample.labels["waiting_for"]: sample.value for sample in list(collector.collect())[1].samples}
    assert waits == {"ready": many, "after": 0, "held": 0}
    # If they are asked for again, I expect as many requests as with few, none of them to the store, and no scan.
    found = asked_for(platform, lambda: list(collector.collect()))
    assert not found[0]
    assert not found[1]["scan"]
    same_for_all("scrape", found)


def test_a_list_of_runs(platform: Platform, many: int) -> None:
    # Given many runs that wait, if a person lists all, I expect each to be there, and as many requests as with few.
    found = asked_for(platform, lambda: list(all_views(platform)))
    assert sum(view.status.startswith("queued") for view in all_views(platform)) == many
    same_for_all("runs", found)


def test_redis_holds_nothing_of_those_that_wait(platform: Platform, many: int) -> None:
    # Given many runs that wait, I expect Redis to hold nothing of theirs.
    (first,) = platform.record.active()
    named = [key for key in platform.exchange.redis.keys("*{*") if f"{{{first}}}" not in key.decode()]
    assert named == []
