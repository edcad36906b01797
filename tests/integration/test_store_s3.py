"""What is special about object storage on an S3 server: it can be away, lie, or die within an answer."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from minio import Minio

from phiforge.base.errors import MissingObjectError, StoreError, UnreachableStoreError
from phiforge.base.settings import Settings
from phiforge.runs.store import S3Store, open_store
from phiforge_client.processes import free_port
from phiforge_client.servers import S3Server, weed_binary
from tests.servers import CuttingProxy, LyingS3, RacingS3, running

pytestmark = pytest.mark.services

SECRET = "phiforge-secret"


def connect(server: S3Server, bucket: str, endpoint: str = "") -> S3Store:
    """Open a bucket of ``server``, perhaps through a proxy."""
    return S3Store(endpoint or server.endpoint, bucket, server.access_key, server.secret_key)


def test_settings_name_the_bucket(s3_settings: Settings) -> None:
    # Given settings with s3://bucket, I expect that bucket, made on the way, and a url without secrets.
    store = open_store(s3_settings)
    store.put("a", b"1")
    assert open_store(s3_settings).get("a") == b"1"
    assert store.url == s3_settings.store_url


def test_many_services_may_make_the_bucket_at_once(s3_server: S3Server, bucket: str) -> None:
    # Given eight services that open a bucket which is not there
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: connect(s3_server, bucket), range(8)))
    # I expect all to share it, and no probe left in it.
    stores[0].put("a", b"1")
    assert [store.get("a") for store in stores] == [b"1"] * 8
    assert list(stores[0].list("")) == ["a"]


def test_wrong_keys(s3_server: S3Server, bucket: str) -> None:
    # Given a wrong secret key, I expect an error that says where to set it and does not show it.
    with pytest.raises(StoreError, match="PHIFORGE_S3_SECRET_KEY") as error:
        S3Store(s3_server.endpoint, bucket, s3_server.access_key, "not-the-secret")
    assert "not-the-secret" not in str(error.value)


def test_errors_of_the_operating_system(s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a client whose pause between two tries the system refuses, as it may when clocks jump
    store = connect(s3_server, bucket)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(store._client, "stat_object", refuse)
    # I expect the error of a store that cannot be reached, which is of the moment.
    with pytest.raises(UnreachableStoreError, match="Invalid argument"):
        store.exists("a")


def test_nobody_listens() -> None:
    # Given an endpoint where nobody listens
    endpoint = f"http://127.0.0.1:{free_port()}"
    started = time.monotonic()
    # I expect an error that names it, soon.
    with pytest.raises(StoreError, match=endpoint):
        S3Store(endpoint, "bucket", "phiforge", SECRET)
    assert time.monotonic() - started < 10


def test_nobody_answers() -> None:
    # Given an endpoint that swallows packets: its queue of connections is full
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.create_connection(full.getsockname()):
        endpoint = f"http://127.0.0.1:{full.getsockname()[1]}"
        started = time.monotonic()
        # I expect an error that names it, soon.
        with pytest.raises(StoreError, match=endpoint):
            S3Store(endpoint, "bucket", "phiforge", SECRET)
        assert time.monotonic() - started < 10


def test_not_an_s3_server(tmp_path: Path) -> None:
    # Given a port where something else talks
    with socket.create_server(("127.0.0.1", 0)) as other, ThreadPoolExecutor(1) as pool:
        pool.submit(_babble, other)
        # I expect an error, not a crash.
        with pytest.raises(StoreError):
            S3Store(f"http://127.0.0.1:{other.getsockname()[1]}", "bucket", "phiforge", SECRET)
        other.shutdown(socket.SHUT_RDWR)


def test_a_server_that_ignores_conditions_is_refused() -> None:
    # Given a server that says 200 to every PUT, I expect it to be refused, with the reason.
    with LyingS3() as server, pytest.raises(StoreError, match="If-None-Match") as error:
        S3Store(server.endpoint, "bucket", "phiforge", SECRET)
    assert server.endpoint in str(error.value)


def test_a_server_that_loses_races_is_refused() -> None:
    # Given a server that refuses a second write, but not one that comes while it writes, I expect it to be refused.
    with RacingS3(pause_seconds=0.1) as server, pytest.raises(StoreError, match="not exactly one") as error:
        S3Store(server.endpoint, "bucket", "phiforge", SECRET)
    assert server.endpoint in str(error.value)


def test_a_busy_server_is_asked_again() -> None:
    # Given a server that says 503 twice before it answers
    with LyingS3(busy=2) as server:
        # If it is probed, I expect the question repeated until its answer, which here is a lie.
        with pytest.raises(StoreError, match="If-None-Match"):
            S3Store(server.endpoint, "bucket", "phiforge", SECRET)
        assert server.puts == 4


def test_a_server_that_stays_busy_is_given_up() -> None:
    # Given a server that always says 503, I expect an error that says so.
    with LyingS3(busy=1000) as server, pytest.raises(StoreError, match="503"):
        S3Store(server.endpoint, "bucket", "phiforge", SECRET)


def test_a_value_cut_short_is_read_again(s3_server: S3Server, bucket: str) -> None:
    # Given an object, behind a proxy
    value = bytes(range(256)) * 1000
    connect(s3_server, bucket).put("a", value)
    with CuttingProxy(s3_server.endpoint) as proxy:
        store = connect(s3_server, bucket, proxy.endpoint)
        # If the connection breaks before, at the start of or within the answer
        for after_bytes in (0, 10, 2000):
            proxy.cut_next_answer(after_bytes)
            # I expect the whole value.
            assert store.get("a") == value


def test_put_survives_a_lost_answer(s3_server: S3Server, bucket: str) -> None:
    # Given a store behind a proxy
    with CuttingProxy(s3_server.endpoint) as proxy:
        store = connect(s3_server, bucket, proxy.endpoint)
        # If the answer to a write is lost, I expect it to be written again, which changes nothing.
        proxy.cut_next_answer(0)
        store.put("a", b"1")
        assert store.get("a") == b"1"


def test_put_if_absent_never_guesses(s3_server: S3Server, bucket: str) -> None:
    # Given a store behind a proxy
    with CuttingProxy(s3_server.endpoint) as proxy:
        store = connect(s3_server, bucket, proxy.endpoint)
        # If the answer to a conditional write is lost
        proxy.cut_next_answer(0)
        # I expect an error: asked again, the server would say that the key is there, written by whomever.
        with pytest.raises(StoreError, match="cannot write 'a'") as error:
            store.put_if_absent("a", b"1")
        assert "Signature" not in str(error.value)
        assert store.get("a") == b"1"


def test_a_restart_of_the_server_is_survived(tmp_path: Path) -> None:
    # Given a store on a server
    server = S3Server(tmp_path / "data", tmp_path / "s3.log")
    with running(server, weed_binary):
        store = connect(server, "bucket")
        store.put("a", b"1")
    # If the server is stopped, I expect an error,
    with pytest.raises(StoreError, match=server.endpoint):
        store.get("a")
    # and once it is back, the same store to go on with what it held.
    with running(server, weed_binary):
        assert store.get("a") == b"1"
        assert not store.put_if_absent("a", b"2")


def _babble(listener: socket.socket) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with client:
            client.sendall(b"220 mail.example ESMTP\r\n")


def test_looking_writes_nothing(s3_server: S3Server, bucket: str) -> None:
    # Given a bucket that is not there, opened by who only looks
    store = S3Store(s3_server.endpoint, bucket, s3_server.access_key, s3_server.secret_key, make=False)
    # I expect it to be empty, and not to be made,
    assert list(store.list("runs/")) == []
    assert not store.exists("runs/one")
    with pytest.raises(MissingObjectError):
        store.get("runs/one")
    store.delete("runs/one")
    client = Minio(s3_server.endpoint.removeprefix("http://"), s3_server.access_key, s3_server.secret_key, secure=False)
    assert not client.bucket_exists(bucket)
    # until something is written.
    assert store.put_if_absent("runs/one", b"1")
    assert list(store.list("runs/")) == ["runs/one"]
    store.delete("runs/one")


def test_who_writes_later_probes_then() -> None:
    # Given a server that ignores conditions, opened by who only looks, I expect it to be refused at the first write.
    with LyingS3() as server:
        store = S3Store(server.endpoint, "bucket", "phiforge", SECRET, make=False)
        for _ in range(2):
            with pytest.raises(StoreError, match="ignores 'If-None-Match"):
                store.put("runs/one", b"1")
