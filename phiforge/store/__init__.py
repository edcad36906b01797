"""Object storage: an S3 server, or a folder of this machine."""

from pathlib import Path

from phiforge.errors import StoreError
from phiforge.settings import Settings
from phiforge.store.base import Store
from phiforge.store.local import LocalStore

__all__ = ["Store", "open_store"]


def open_store(settings: Settings) -> Store:
    """Open the store that ``settings`` name; raises StoreError if it cannot be used."""
    url = settings.object_store_url
    scheme, _, place = url.partition("://")
    if scheme == "file" and place.startswith("/"):
        return LocalStore(Path(place))
    raise StoreError(f"PHIFORGE_STORE_URL is {url!r}; allowed are file:///folder and s3://bucket")
