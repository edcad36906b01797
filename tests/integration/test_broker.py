"""The way from the broker's lists into a service's loop, across connections that are lost."""

import gc
import weakref

import pytest
from kombu import Connection
from kombu.asynchronous import Hub

from phiforge.fleet import broker

pytestmark = pytest.mark.services


def test_a_loop_forgets_the_connections_it_lost(redis_url: str) -> None:
    # Given a loop that polls a connection
    broker.register()
    loop = Hub()
    lost = []
    for _ in range(3):
        connection = Connection(redis_url)
        transport = connection.transport
        transport.register_with_event_loop(connection.connection, loop)
        # If that is lost, again and again, and Celery does with it what it does with lost ones
        lost.append(weakref.ref(transport))
        loop.timer.clear()
        connection.collect()
        del connection, transport
    gc.collect()
    # I expect the loop to poll one alone, and nothing to be left of those before it.
    assert len(loop.on_tick) == 1
    assert [each() is None for each in lost] == [True, True, False]


def test_a_channel_has_one_client_as_long_as_its_connections_last(redis_url: str) -> None:
    # Given a channel
    broker.register()
    with Connection(redis_url) as connection:
        channel = connection.default_channel
        # If it sends twice, I expect one client to do both;
        with channel.conn_or_acquire() as first, channel.conn_or_acquire() as second:
            assert first is second
            assert first.ping()
        # and another, that works, where its connections were given up meanwhile.
        channel._disconnect_pools()
        with channel.conn_or_acquire() as third:
            assert third is not first
            assert third.ping()
