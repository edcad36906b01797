"""Object storage: an S3 server, or a folder of this machine."""

from pathlib import Path

from phiforge.base.errors import StoreError
from phiforge.base.settings import Settings
from phiforge.base.transport import check_encrypted
from phiforge.runs.store.base import Store
from phiforge.runs.store.local import LocalStore
from phiforge.runs.store.s3 import S3Store

__all__ = ["LocalStore", "S3Store", "Store", "open_store"]


def open_store(settings: Settings, make: bool = True) -> Store:
    """Open the store that ``settings`` name; raises StoreError if it cannot be used.

    ``make``: a folder or a bucket that is not there yet; else it is as if it were there and empty, until something is
    written.
    """
    url = settings.object_store_url
    scheme, _, place = url.partition("://")
    if scheme == "file" and place.startswith("/"):
        return LocalStore(Path(place), make)
    bucket = place.removesuffix("/")
    if scheme == "s3" and bucket and "/" not in bucket:
        if refused := check_encrypted("PHIFORGE_S3_ENDPOINT", settings.s3_endpoint, settings.allow_plaintext):
            raise StoreError(refused)
        secret_key = settings.s3_secret_key.get_secret_value()
        return S3Store(settings.s3_endpoint, bucket, settings.s3_access_key, secret_key, settings.s3_ca, make)
    raise StoreError(f"PHIFORGE_STORE_URL is {url!r}; allowed are file:///folder (from the root) and s3://bucket")
