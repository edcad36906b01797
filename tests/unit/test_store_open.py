"""Which store the settings name."""

from pathlib import Path

import pytest

from phiforge.base.errors import StoreError
from phiforge.base.settings import Settings
from phiforge.runs.store import LocalStore, S3Store, open_store


def test_default_is_a_folder_of_the_home(tmp_path: Path) -> None:
    # Given settings that name no store, and a home with an unusual name
    home = tmp_path / "my home #1"
    # If it is opened
    store = open_store(Settings(home=home))
    # I expect a folder of the home.
    assert isinstance(store, LocalStore)
    store.put("a", b"1")
    assert (home / "store" / "a").read_bytes() == b"1"


@pytest.mark.parametrize(
    "url",
    ["", "s3://", "s3:///", "s3://bucket/folder", "file://relative", "file://", "http://host/b", "/folder", "S3://b"][
        1:
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    # Given an address of another kind, I expect an error that shows it and what is allowed.
    with pytest.raises(StoreError) as error:
        open_store(Settings(store_url=url))
    assert repr(url) in str(error.value)
    assert "file:///folder" in str(error.value)
    assert "s3://bucket" in str(error.value)


@pytest.mark.parametrize(
    "endpoint", ["", "localhost:9000", "ftp://host", "http://", "http://host/path", "http://h?q=1"]
)
def test_bad_endpoints_are_refused(endpoint: str) -> None:
    # Given something that is no endpoint, I expect an error that shows it.
    with pytest.raises(StoreError, match="endpoint") as error:
        S3Store(endpoint, "bucket", "access", "secret")
    assert repr(endpoint) in str(error.value) or "host" in str(error.value)


def test_an_endpoint_with_a_password_is_refused_without_showing_it() -> None:
    # Given an endpoint that holds a password, I expect an error that keeps it.
    with pytest.raises(StoreError) as error:
        S3Store("http://user:password@host:9000", "bucket", "access", "secret")
    assert "password" not in str(error.value)


def test_a_bad_bucket_is_refused() -> None:
    # Given a bucket's name that S3 does not allow, I expect an error that shows it, before any request.
    with pytest.raises(StoreError, match="My_Bucket"):
        S3Store("http://127.0.0.1:1", "My_Bucket", "access", "secret")
