"""Object storage: an S3 server, or a folder of this machine."""

from pathlib import Path

from phiforge.errors import StoreError
from phiforge.settings import Settings
from phiforge.store.base import Store
from phiforge.store.local import LocalStore
from phiforge.store.s3 import S3Store
from phiforge.transport import check_encrypted

__all__ = ["LocalStore", "S3Store", "Store", "open_store"]


def open_store(settings: Settings) -> Store:
    """Open the store that ``settings`` name; raises StoreError if it cannot be used."""
    url = settings.object_store_url
    scheme, _, place = url.partition("://")
    if scheme == "file" and place.startswith("/"):
        return LocalStore(Path(place))
    bucket = place.removesuffix("/")
    if scheme == "s3" and bucket and "/" not in bucket:
        if refused := check_encrypted("PHIFORGE_S3_ENDPOINT", settings.s3_endpoint, settings.allow_plaintext):
            raise StoreError(refused)
        secret_key = settings.s3_secret_key.get_secret_value()
        return S3Store(settings.s3_endpoint, bucket, settings.s3_access_key, secret_key, settings.s3_ca)
    raise StoreError(f"PHIFORGE_STORE_URL is {url!r}; allowed are file:///folder (from the root) and s3://bucket")
