"""Messages of one kind in one command: as many as were asked for, in order, and no worker can tell them from others."""

import time

import pytest

from phiforge.fleet import sending
from phiforge.fleet.messages import TRAIN, read_message
from phiforge.fleet.platform import Platform

pytestmark = pytest.mark.services


def received(platform: Platform) -> list:
    """Take every training message off the queue as kombu's consumers do, oldest first."""
    found = []
    with platform.queue.app.connection_for_read() as connection:
        channel = connection.default_channel
        while message := channel.basic_get(platform.queue.name("training")):
            message.ack()
            found.append(message)
    return found


def commands(platform: Platform, name: str) -> int:
    """Return how often Redis has run a command so far."""
    return int(platform.exchange.redis.info("commandstats").get(f"cmdstat_{name}", {"calls": 0})["calls"])


def test_jobs_that_are_sent_together_arrive_in_order_by_one_command(platform: Platform):
    # Given a queue that a message was sent to before
    platform.queue.train("run-1", 2, 9)
    before = commands(platform, "lpush")
    # If the jobs of a version are sent together
    platform.queue.train_together("run-1", [(3, job) for job in range(5)])
    # I expect one command to have done it,
    assert commands(platform, "lpush") - before == 1
    # and each job in a message of its own, behind what was there, oldest first, as its handler wants it.
    first, *others = received(platform)
    assert first.payload[1]["job"] == 9
    checked = [read_message(TRAIN, tuple(each.payload[0]), each.payload[1]) for each in others]
    assert [(each["run"], each["version"], each["job"]) for each in checked] == [("run-1", 3, job) for job in range(5)]
    assert all(0 <= time.time() - each["sent_at"] < 60 for each in checked)


def test_what_is_sent_together_is_what_celery_sends(platform: Platform):
    # Given a message by Celery's own way, and one that was sent together with others
    platform.queue.train("run-1", 3, 0)
    platform.queue.train_together("run-1", [(3, 0), (3, 1)])
    single, together, other = received(platform)
    # I expect the same headers and properties, of names that are each message's own.
    assert set(together.headers) == set(single.headers)
    assert set(together.properties) == set(single.properties)
    same = ("lang", "task", "eta", "expires", "retries", "timelimit", "argsrepr")
    assert [together.headers[name] for name in same] == [single.headers[name] for name in same]
    assert (together.content_type, together.content_encoding) == (single.content_type, single.content_encoding)
    assert len({each.headers["id"] for each in (single, together, other)}) == 3
    assert len({each.delivery_tag for each in (single, together, other)}) == 3


def test_a_long_version_is_sent_in_several_commands(platform: Platform, monkeypatch: pytest.MonkeyPatch):
    # Given commands that hold two messages at most
    monkeypatch.setattr(sending, "MOST_TOGETHER", 2)
    # If five are sent, I expect all of them, in order.
    platform.queue.train_together("run-1", [(3, job) for job in range(5)])
    assert [each.payload[1]["job"] for each in received(platform)] == list(range(5))


def test_nothing_is_sent_for_no_jobs(platform: Platform):
    platform.queue.train_together("run-1", [])
    assert received(platform) == []


def test_a_connection_that_was_lost_is_made_again(platform: Platform):
    # Given a queue whose connections Redis has closed
    platform.queue.train_together("run-1", [(3, 0)])
    platform.exchange.redis.client_kill_filter(_type="normal", skipme=True)
    # If more is sent, I expect it to arrive.
    platform.queue.train_together("run-1", [(3, 1)])
    assert [each.payload[1]["job"] for each in received(platform)] == [0, 1]
