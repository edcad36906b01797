"""Where secrets may come from, and that none shows; what may not leave this machine in the clear."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from phiforge.base.errors import ServiceError, StoreError
from phiforge.base.settings import Settings
from phiforge.base.transport import is_loopback
from phiforge.fleet.queue import Queue
from phiforge.runs.connection import connect
from phiforge.runs.store import open_store

PASSWORD = "s3cret/with:odd@letters#"
QUOTED = "s3cret%2Fwith%3Aodd%40letters%23"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing set on this machine, and no folder of secrets."""
    monkeypatch.setenv("PHIFORGE_SECRETS_DIR", str(tmp_path / "nowhere"))


@pytest.mark.parametrize("scheme", ["redis", "rediss", "unix"])
def test_a_password_in_the_address_is_taken_out(scheme: str) -> None:
    # Given an address with a password in it
    settings = Settings(redis_url=f"{scheme}://trainer:{QUOTED}@localhost/0")
    # I expect it in its own field, and an address that can be printed.
    assert settings.redis_url == settings.broker_url == f"{scheme}://localhost/0"
    assert settings.broker_login == ("trainer", PASSWORD)
    for shown in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert PASSWORD not in shown
        assert QUOTED not in shown


@pytest.mark.parametrize(
    ("address", "login"),
    [
        ("redis://localhost", None),
        ("redis://:pw@localhost", ("default", "pw")),
        ("redis://someone:pw@localhost", ("someone", "pw")),
        ("", None),
    ],
)
def test_who_logs_in(address: str, login: tuple[str, str] | None) -> None:
    assert Settings(redis_url=address).broker_login == login


def test_the_embedded_redis_is_not_given_a_password_meant_for_another() -> None:
    # Given a password but no address, I expect the embedded stack's socket, which wants none.
    assert Settings(redis_password="pw").broker_login is None


def test_a_password_after_a_question_mark_is_refused_without_showing_it() -> None:
    with pytest.raises(ValidationError, match="PHIFORGE_REDIS_URL") as error:
        Settings(redis_url=f"redis://localhost?password={PASSWORD}")
    assert PASSWORD not in str(error.value)


def test_no_error_shows_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given secrets beside a setting that is wrong
    monkeypatch.setenv("PHIFORGE_REDIS_URL", f"redis://:{QUOTED}@localhost")
    monkeypatch.setenv("PHIFORGE_S3_SECRET_KEY", PASSWORD)
    monkeypatch.setenv("PHIFORGE_METRICS_PORT", "many")
    # I expect the error to name that setting and to show no value.
    with pytest.raises(ValidationError, match="metrics_port") as error:
        Settings()
    assert not re.search(re.escape(PASSWORD) + "|" + re.escape(QUOTED), f"{error.value!r}{error.value}")


def test_celery_prints_no_password() -> None:
    # Given a queue on a Redis that wants a password
    queue = Queue(Settings(redis_url=f"rediss://trainer:{QUOTED}@localhost/0"), lambda _: 0)
    connection = queue.app.connection_for_write()
    # I expect Celery to know it, and to mask it wherever it prints it.
    assert (connection.userid, connection.password) == ("trainer", PASSWORD)
    for shown in (repr(connection), connection.as_uri(), queue.app.conf.humanize()):
        assert PASSWORD not in shown
        assert QUOTED not in shown
    queue.close()


def test_secrets_may_lie_in_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Given a folder with secrets, as Docker lays them
    (tmp_path / "phiforge_redis_password").write_text("from a file\n")
    (tmp_path / "phiforge_s3_secret_key").write_text("from a file")
    (tmp_path / "something_else").write_text("not ours")
    monkeypatch.setenv("PHIFORGE_SECRETS_DIR", str(tmp_path))
    # I expect them read, and a variable to win over a file.
    assert Settings().redis_password.get_secret_value() == "from a file"
    assert Settings().s3_secret_key.get_secret_value() == "from a file"
    monkeypatch.setenv("PHIFORGE_S3_SECRET_KEY", "from a variable")
    assert Settings().s3_secret_key.get_secret_value() == "from a variable"


@pytest.mark.parametrize("address", ["redis://redis:6379/0", "redis://10.0.0.5", "redis://127.0.0.1.example.org"])
def test_a_password_does_not_cross_a_network_in_the_clear(address: str) -> None:
    # Given a Redis elsewhere without TLS, I expect it refused with the way out, unless the owner says so.
    with pytest.raises(ServiceError, match=r"(?s)rediss://.*PHIFORGE_ALLOW_PLAINTEXT"):
        connect(Settings(redis_url=address))
    connect(Settings(redis_url=address, allow_plaintext=True)).close()


def test_no_key_crosses_a_network_in_the_clear() -> None:
    # Given an S3 server elsewhere without TLS, I expect it refused before a byte is sent.
    with pytest.raises(StoreError, match=r"(?s)https://.*PHIFORGE_ALLOW_PLAINTEXT"):
        open_store(Settings(store_url="s3://bucket", s3_endpoint="http://object-store:8333"))


def test_a_missing_file_of_certificates_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="PHIFORGE_S3_CA"):
        open_store(Settings(store_url="s3://bucket", s3_endpoint="https://localhost", s3_ca=tmp_path / "none"))


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("localhost.example.org", False),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("redis", False),
    ],
)
def test_what_is_this_machine(host: str, own: bool) -> None:
    assert is_loopback(host) == own


def test_services_listen_on_this_machine_alone_unless_told() -> None:
    assert Settings().metrics_host == "127.0.0.1"
