"""Whatever lies in a queue: real services on a real Redis drop what is no message for them, count it and go on."""

import base64
import json
import re
import time
from collections.abc import Iterator

import pytest
import redis

from phiforge.base.errors import MessageError
from phiforge.base.settings import Settings
from phiforge.fleet.fit import check_judged, check_step
from phiforge.fleet.messages import MESSAGES, read_message
from phiforge.fleet.platform import Platform
from phiforge.runs.queues import QUEUES
from phiforge_client.servers import RedisServer
from phiforge_client.stack import Stack
from phiforge_client.submission import submit
from tests.badinput.conftest import waves
from tests.badinput.messages import BROKEN, FIELDS, MISFITS, Junk, train
from tests.fleet import wait_for_end, wait_until

pytestmark = pytest.mark.services

JUNK = [*BROKEN, *FIELDS, *MISFITS]
METRIC = re.compile(r'^phiforge_refused_messages_total\{reason="(\w+)"\} (\S+)$', re.MULTILINE)
SERVICE_OF = {
    "phiforge.train": "training",
    "phiforge.evaluate": "evaluation",
    "phiforge.sample_training": "sampling",
    "phiforge.sample_evaluation": "sampling",
}


@pytest.fixture(scope="module")
def fleet(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Platform, Stack]]:
    """One sampler, one trainer and one evaluator, with a folder as object storage."""
    home = tmp_path_factory.mktemp("messages")
    settings = Settings(home=home, redis_url=redis_server.url, namespace="messages-tests")
    platform = Platform.open(settings)
    with Stack(settings, trainers=1) as stack:
        wait_until(
            lambda: all("metrics on" in each.process.log.read_text() for each in stack.services), "services", stack
        )
        yield platform, stack
    platform.close()


def refused(stack: Stack) -> dict[str, float]:
    """Return how many messages all services refused, by reason."""
    total: dict[str, float] = {}
    for page in stack.metrics().values():
        for reason, value in METRIC.findall(page):
            total[reason] = total.get(reason, 0) + float(value)
    return total


def queue_of(junk: Junk) -> str:
    """Return the queue that takes such messages; what is none goes to the trainer."""
    try:
        return SERVICE_OF[json.loads(junk.item)["headers"]["task"]]
    except (ValueError, LookupError, TypeError, RecursionError):
        return "training"


def test_every_row_is_refused_and_the_services_go_on(fleet: tuple[Platform, Stack]) -> None:
    # Given a fleet and a run that it finished
    platform, stack = fleet
    finished = submit(platform, waves())
    assert wait_for_end(platform, finished) == "complete"
    pids = [service.process.pid for service in stack.services]
    before = refused(stack)
    keys = set(platform.store.list(""))
    # If everything that is no message comes between the messages of another run
    raw: redis.Redis = platform.exchange.redis
    other = submit(platform, waves(seed=1, name="other"))
    for junk in JUNK:
        raw.lpush(platform.queue.name(queue_of(junk)), junk.about(finished))
    # I expect the run to end as if nothing were,
    assert wait_for_end(platform, other) == "complete"
    wait_until(lambda: not any(raw.llen(platform.queue.name(queue)) for queue in QUEUES), "empty queues", stack)
    # each row counted once by its reason,
    expected = {
        reason: sum(junk.reason == reason for junk in JUNK) for reason in ("unreadable", "unknown", "fields", "misfit")
    }
    wait_until(
        lambda: {reason: count - before.get(reason, 0) for reason, count in refused(stack).items()} == expected,
        f"{expected}, have {refused(stack)}",
        stack,
    )
    # nothing kept for another delivery,
    assert [raw.hlen(key) for key in raw.keys("*unacked") if raw.type(key) == b"hash"] in ([], [0])
    # the same processes still there, nothing written for what they were told, and no run failed.
    assert [service.process.pid for service in stack.services if service.process.alive] == pids
    strays = [key for key in platform.store.list("") if key not in keys and other not in key]
    assert [key for key in strays if not key.startswith("evaluation/")] == []
    assert {platform.record.status(run) for run in platform.record.runs()} == {"complete"}


def test_an_unfinished_message_is_done_after_junk(fleet: tuple[Platform, Stack]) -> None:
    # Given a queue in which junk lies before and behind a real message
    platform, stack = fleet
    raw: redis.Redis = platform.exchange.redis
    name = platform.queue.name("training")
    for junk in BROKEN:
        raw.lpush(name, junk.item)
    run = submit(platform, waves(seed=2))
    for junk in BROKEN:
        raw.lpush(name, junk.item)
    # If services take from it, I expect the run to be done soon: no junk holds up what comes after it.
    started = time.monotonic()
    assert wait_for_end(platform, run) == "complete"
    assert time.monotonic() - started < 60
    stack.check()


@pytest.mark.parametrize("junk", FIELDS, ids=lambda junk: junk.name)
def test_fields_that_cannot_be(junk: Junk) -> None:
    # Given a message with a fault in its fields, if it is read, I expect a short error that says what is allowed.
    whole = json.loads(junk.item)
    positional, fields, _ = json.loads(base64.b64decode(whole["body"]))
    with pytest.raises(MessageError, match="allowed: run, sent_at, ") as caught:
        read_message(whole["headers"]["task"], tuple(positional), fields)
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("name", MESSAGES)
def test_what_services_send_is_read(name: str) -> None:
    # Given the fields that services send, I expect them back.
    fields = {"run": "a-run", "sent_at": 1.5, "version": 3, "job": 2, "chunk": 1, "split": "test"}
    own = {field: fields[field] for field in MESSAGES[name].model_fields}
    assert read_message(name, (), own) == own


def test_what_fits_a_run(platform: Platform) -> None:
    # Given a run of 4 versions, 3 jobs each, judged at 0 and 4 in 2 chunks; I expect these and no others to fit.
    record = platform.run(submit(platform, waves()))
    for version, job, fits in ((0, 0, True), (3, 2, True), (4, 0, False), (0, 3, False)):
        assert (refusal(check_step, record, version, job) is None) is fits
    for chunk, version, fits in ((0, 0, True), (1, 4, True), (2, 0, False), (0, 1, False), (0, 8, False)):
        assert (refusal(check_judged, record, "validation", chunk, version) is None) is fits


def refusal(check, *arguments) -> str | None:
    try:
        check(*arguments)
    except MessageError as error:
        return str(error)
    return None


def test_the_helpers_make_messages() -> None:
    # Given the message that all junk is made from, I expect it to be a good one: each row has one fault alone.
    whole = json.loads(train(run="a-run"))
    positional, fields, _ = json.loads(base64.b64decode(whole["body"]))
    assert read_message(whole["headers"]["task"], tuple(positional), fields)["run"] == "a-run"
