"""The address of Redis: what it may say, and that both clients make the same of it."""

import ssl
from pathlib import Path
from types import SimpleNamespace

import pytest

from phiforge.base.environment import read_settings
from phiforge.base.errors import ServiceError, SettingsError
from phiforge.base.redis_address import RedisAddress, read_redis_address
from phiforge.base.settings import Settings
from phiforge.fleet.queue import Queue
from phiforge.runs.connection import connect

ADDRESSES = {
    "redis://localhost": RedisAddress("localhost", 6379, "", 0, False),
    "redis://localhost/": RedisAddress("localhost", 6379, "", 0, False),
    "redis://localhost:7000/2": RedisAddress("localhost", 7000, "", 2, False),
    "redis://localhost?db=2": RedisAddress("localhost", 6379, "", 2, False),
    "redis://localhost/2?db=2": RedisAddress("localhost", 6379, "", 2, False),
    "redis://[::1]:7000/1": RedisAddress("::1", 7000, "", 1, False),
    "rediss://localhost/3": RedisAddress("localhost", 6379, "", 3, True),
    "unix:///tmp/x.sock": RedisAddress("", 0, "/tmp/x.sock", 0, False),
    "unix:///tmp/x.sock?db=2": RedisAddress("", 0, "/tmp/x.sock", 2, False),
    "unix:///tmp/a%20b%3f.sock?db=2": RedisAddress("", 0, "/tmp/a b?.sock", 2, False),
}


@pytest.mark.parametrize(("address", "meant"), ADDRESSES.items())
def test_what_an_address_says(address, meant):
    # Given an address, I expect its place and database, and the same of the way it is spelled out.
    assert read_redis_address(address) == meant
    assert read_redis_address(meant.url) == meant


@pytest.mark.parametrize("login", ["", "me:pw@"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_both_clients_go_to_the_same_place(address, login):
    # Given an address, with and without a login, I expect Celery's client and ours to be told the same.
    settings = Settings(redis_url=address.replace("://", f"://{login}"), redis_ca=Path("/ca.crt"))
    ours, theirs = told(settings)
    for name in ("host", "port", "path", "db", "username", "password", "ssl_cert_reqs", "ssl_ca_certs"):
        assert ours.get(name) == theirs.get(name), name
    assert ours.get("ssl_check_hostname") is theirs.get("ssl_check_hostname")
    meant = ADDRESSES[address]
    assert ours["db"] == meant.database
    assert (ours.get("ssl_cert_reqs"), ours.get("ssl_ca_certs")) == (
        (ssl.CERT_REQUIRED, "/ca.crt") if meant.encrypted else (None, None)
    )


def told(settings):
    """Return what redis-py is told of the connection for a run's state, and of the one for messages."""
    client = connect(settings)
    queue = Queue(settings, lambda _: 0)
    connection = queue.app.connection_for_write()
    # without a server: a channel that is opened asks it at once
    channel = connection.transport.Channel.__new__(connection.transport.Channel)
    channel.connection = SimpleNamespace(client=connection, default_port=6379)
    found = dict(client.connection_pool.connection_kwargs), channel._connparams()
    client.close()
    queue.close()
    return found


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("rediss://localhost?ssl_cert_reqs=none", "it has the option 'ssl_cert_reqs'"),
        ("rediss://localhost?ssl_check_hostname=false", "it has the option 'ssl_check_hostname'"),
        ("rediss://localhost/0?ssl_ca_certs=/x", "it has the option 'ssl_ca_certs'"),
        ("redis://localhost?virtual_host=3", "it has the option 'virtual_host'"),
        ("redis://localhost?socket_timeout=1", "it has the option 'socket_timeout'"),
        ("unix:///x.sock?timeout", "it has the option 'timeout'"),
        ("unix:///x.sock?db=two", "its database is 'two'"),
        ("unix:///x.sock?db=", "its database is ''"),
        ("redis://localhost/1?db=2", "it names several databases: 1, 2"),
        ("redis://localhost?db=1&db=2", "it names several databases: 1, 2"),
        ("redis://localhost/1/2", "its database is '1/2'"),
        ("redis://localhost/0#x", "it has a '#'"),
        ("unix://localhost/x.sock", "stands after three slashes"),
        ("unix://x.sock", "stands after three slashes"),
        ("redis+socket:///x.sock", "its scheme is 'redis+socket'"),
        ("sentinel://localhost", "its scheme is 'sentinel'"),
    ],
)
def test_what_it_does_not_know_is_refused(address, why, monkeypatch, tmp_path):
    # Given an address with more than a place and a database in it, I expect the problem and what is allowed,
    monkeypatch.setenv("PHIFORGE_REDIS_URL", address)
    with pytest.raises(SettingsError, match=r"allowed are redis://host:port/db.* there are no other options") as caught:
        read_settings()
    assert why in str(caught.value)
    # and no client to go there, whoever made the settings.
    for opened in (connect, lambda settings: Queue(settings, lambda _: 0)):
        with pytest.raises(ServiceError, match="allowed are redis://host:port/db"):
            opened(Settings(redis_url=address))


def test_a_queue_sends_nothing_in_the_clear_either():
    with pytest.raises(ServiceError, match="PHIFORGE_ALLOW_PLAINTEXT"):
        Queue(Settings(redis_url="redis://10.0.0.5"), lambda _: 0)
