"""The way from the broker's lists into a service's loop, across connections that are lost."""

import gc
import weakref

import pytest
from kombu import Connection
from kombu.asynchronous import Hub

from phiforge import broker

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
