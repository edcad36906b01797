"""Settings that no process should start with: every problem is named, with what is allowed and without a secret."""

from contextlib import suppress
from typing import NamedTuple

import pytest

from phiforge.base.environment import read_settings
from phiforge.base.errors import PhiforgeError, SettingsError
from phiforge.fleet.platform import Platform
from phiforge.learning.device import check_device


class Bad(NamedTuple):
    """A variable, its value, and what the error must say."""

    variable: str
    value: str
    expected: str


SETTINGS = [
    Bad("REDIS_URL", "localhost:6379", "names no server .* allowed are redis://host:port/db"),
    Bad("REDIS_URL", "http://localhost", "its scheme is 'http'; allowed are redis://host"),
    Bad("REDIS_URL", "redis://", "names no server"),
    Bad("REDIS_URL", "redis://host:port/0", "its port is no number from 0 to 65535"),
    Bad("REDIS_URL", "redis://host:70000/0", "its port is no number from 0 to 65535"),
    Bad("REDIS_URL", "redis://host:0/0", "names no server"),
    Bad("REDIS_URL", "redis://host/zero", "its database is 'zero'"),
    Bad("REDIS_URL", "redis://[::1/0", "allowed are redis://host:port/db"),
    Bad("REDIS_URL", "unix://", "names no server"),
    Bad("METRICS_PORT", "70000", r"METRICS_PORT: .*less than or equal to 65535 \(given: '70000'\)"),
    Bad("METRICS_PORT", "-1", "METRICS_PORT: .*greater than or equal to 0"),
    Bad("METRICS_PORT", "http", "METRICS_PORT: .*valid integer"),
    Bad("DEVICE", "gpu", "DEVICE: 'gpu' is no device; allowed are cpu, cuda, and cuda:N"),
    Bad("DEVICE", "cuda:one", "DEVICE: 'cuda:one' is no device"),
    Bad("DEVICE", "", "DEVICE: '' is no device"),
    Bad("NAMESPACE", "My Fleet", "NAMESPACE: it is no name; allowed are a-z, 0-9 and '-'"),
    Bad("NAMESPACE", "a:b{c}", "NAMESPACE: it is no name; allowed are a-z, 0-9 and '-'"),
    Bad("RECONCILE_SECONDS", "0", "RECONCILE_SECONDS: Input should be greater than 0"),
    Bad("STALL_SECONDS", "nan", "STALL_SECONDS: Input should be"),
    Bad("STALL_SECONDS", "soon", "STALL_SECONDS: Input should be a valid number"),
    Bad("LOG_LEVEL", "LOUD", "LOG_LEVEL: 'LOUD' is no level; allowed are DEBUG, INFO"),
    Bad("HOME", __file__, "HOME: .* is no folder that can be written to"),
    Bad("STORE_URL", "ftp://host/place", "PHIFORGE_STORE_URL is 'ftp://host/place'; allowed are file:///folder"),
    Bad("STORE_URL", "s3://bucket/folder", "allowed are file:///folder .* and s3://bucket"),
]


@pytest.mark.parametrize("bad", SETTINGS, ids=lambda bad: f"{bad.variable}={bad.value}"[:50])
def test_refused(bad, monkeypatch):
    # Given a variable that cannot be, if a process opens what its settings name, I expect an error that shows it.
    monkeypatch.setenv(f"PHIFORGE_{bad.variable}", bad.value)
    with pytest.raises(PhiforgeError, match=bad.expected) as caught:
        Platform.open(read_settings())
    assert f"PHIFORGE_{bad.variable}" in str(caught.value)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_home_that_is_read_only(elsewhere, tmp_path, monkeypatch):
    # Given a home on a read-only file system, as a service in a container has it
    monkeypatch.setenv("PHIFORGE_HOME", str(tmp_path))
    monkeypatch.setattr("phiforge.base.environment.os.access", lambda path, mode: path != tmp_path)
    for variable, value in (("REDIS_URL", "redis://host/0"), ("STORE_URL", "s3://bucket")):
        if elsewhere:
            monkeypatch.setenv(f"PHIFORGE_{variable}", value)
        else:
            monkeypatch.delenv(f"PHIFORGE_{variable}", raising=False)
    # If Redis and storage are elsewhere, I expect it to be taken, for nothing is written there; else a problem.
    if elsewhere:
        assert read_settings().home == tmp_path
    else:
        with pytest.raises(SettingsError, match=r"HOME: .* is no folder that can be written to"):
            read_settings()


def test_all_problems_at_once_and_no_secret(monkeypatch):
    # Given several problems, one of them in an address with a password
    for variable, value in (("DEVICE", "gpu"), ("LOG_LEVEL", "x"), ("REDIS_URL", "redis://me:hunter2@host:port/0")):
        monkeypatch.setenv(f"PHIFORGE_{variable}", value)
    with pytest.raises(SettingsError) as caught:
        read_settings()
    # I expect all of them, and the password nowhere.
    assert len(caught.value.problems) == 3
    assert "hunter2" not in str(caught.value)


def test_a_device_that_is_not_there():
    # Given a device that this machine lacks, I expect an error that says which there are.
    with pytest.raises(SettingsError, match=r"'cuda:77' cannot be used here .*; allowed on this machine: cpu"):
        check_device("cuda:77")
    check_device("cpu")


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("PHIFORGE_OMNIGLOTS", ["PHIFORGE_OMNIGLOT"]),
        ("PHIFORGE_IMAGE", ["PHIFORGE_IMAGES"]),
        ("PHIFORGE_REDISURL", ["PHIFORGE_REDIS_URL"]),
        ("phiforge_home", []),
        ("PHIFORGE_FAULTS", []),
        ("PHIFORGE_REDIS_PORT", []),
        ("PHIFORGE_S3_SERVICE_HOST", []),
        ("PHIFORGE_", []),
        ("OMNIGLOTS", []),
    ],
)
def test_misspelt_variables(variable, meant, monkeypatch, caplog):
    # Given a variable that is nearly a setting's name, or is not, I expect the log to say what was meant, or nothing.
    monkeypatch.setenv(variable, "/nowhere")
    with suppress(SettingsError):
        read_settings()
    assert [each.args for each in caplog.records] == [(variable, each) for each in meant]
