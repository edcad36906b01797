"""Object storage on any S3 server that keeps its promise about conditional writes."""

import io
import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

from minio import Minio
from minio.error import MinioException, S3Error
from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError, MaxRetryError, ProtocolError, ReadTimeoutError

from phiforge.base.errors import MissingObjectError, StoreError, UnreachableStoreError
from phiforge.runs.store.keys import check_key, check_prefix
from phiforge.runs.store.probe import broken_promise

logging.getLogger("urllib3").setLevel(logging.INFO)
"""At DEBUG it writes every address it asks, and presigned ones open the store to whoever reads them."""

_TIMEOUT = Timeout(connect=2.0, read=30.0)
"""Seconds; with the retries below an endpoint that swallows packets is given up within ten."""

_RETRY = Retry(total=4, connect=2, read=2, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504))

_RETRY_UNTOUCHED = Retry(total=4, connect=2, read=0, backoff_factor=0.2, status_forcelist=(409, 503))
"""For a conditional write: only while it is certain that nothing was written, or the answer would be about itself."""

_READS = 3
_SINGLE_PUT_BYTES = 5 * 2**30
_SMALLEST_PART_BYTES = 5 * 2**20
_CLOCK_SKEW = timedelta(minutes=15)
"""How long a presigned address is good for: the difference of clocks that S3 allows signed headers too."""

_BUCKET_IS_THERE = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}


class S3Store:
    """A bucket, made if it is not there; safe for many threads, but opened once in each process (never before a fork).

    Raises StoreError if the server cannot be reached, refuses the keys, or ignores ``If-None-Match``.
    """

    def __init__(
        self,
        endpoint: str,
        bucket: str,
        access_key: str,
        secret_key: str,
        ca: Path | None = None,
        make: bool = True,
    ) -> None:
        """Open ``bucket``; over https the server must show a certificate that ``ca``, else the system, vouches for.

        ``make``: the bucket is made and the server probed at once; else with the first write, and a bucket that is not
        there is as if it were there and empty. So who only looks writes nothing, and needs no right to.
        """
        self._bucket = bucket
        self._endpoint = _checked(endpoint)
        self._pool = PoolManager(timeout=_TIMEOUT, retries=_RETRY, maxsize=32, ca_certs=_readable(ca))
        with self._reporting("open", ""):
            self._client = Minio(
                urlsplit(endpoint).netloc,
                access_key,
                secret_key,
                secure=endpoint.startswith("https:"),
                http_client=self._pool,
            )
        self._ready = False
        if make:
            self._make_ready()

    @property
    def url(self) -> str:
        """Which bucket this is."""
        return f"s3://{self._bucket}"

    def _make_ready(self) -> None:
        """Make the bucket and probe the server, unless that was done."""
        if self._ready:
            return
        with self._reporting("open", ""):
            self._make_bucket()
        self._ready = True
        try:
            self.probe()
        except StoreError:
            self._ready = False
            raise

    def probe(self) -> None:
        """Raise StoreError unless of all that write a key if absent one does, one after the other and side by side."""
        if how := broken_promise(self):
            raise self._dishonest(how)

    def _dishonest(self, how: str) -> StoreError:
        return StoreError(
            f"the S3 server at {self._endpoint} ignores 'If-None-Match: *': {how}; use a server that honours it "
            "(SeaweedFS, MinIO, AWS S3) or file:///folder"
        )

    def put(self, key: str, value: bytes) -> None:
        """Write ``value`` under ``key`` in one request (at most 5 GiB); raises StoreError if that fails."""
        check_key(key)
        self._make_ready()
        with self._reporting("write", key):
            part_size = min(max(len(value), _SMALLEST_PART_BYTES), _SINGLE_PUT_BYTES)
            self._client.put_object(self._bucket, key, io.BytesIO(value), len(value), part_size=part_size)

    def put_if_absent(self, key: str, value: bytes) -> bool:
        """Write ``value`` unless ``key`` exists; raises StoreError if the answer was lost, which leaves it open.

        The client library has no conditional write, so the request goes out through a presigned address.
        """
        check_key(key)
        self._make_ready()
        with self._reporting("write", key):
            address = self._client.get_presigned_url("PUT", self._bucket, key, expires=_CLOCK_SKEW)
            headers = {"If-None-Match": "*"}
            answer = self._pool.urlopen("PUT", address, body=value, headers=headers, retries=_RETRY_UNTOUCHED)
        if answer.status not in (200, 412):
            raise self._failure("write", key, f"the server answered {answer.status}")
        return answer.status == 200

    def get(self, key: str) -> bytes:
        """Return the value of ``key``; raises MissingObjectError if there is none."""
        check_key(key)
        with self._reporting("read", key):
            return self._read(key, _READS)

    def exists(self, key: str) -> bool:
        """Say whether ``key`` has a value."""
        check_key(key)
        try:
            with self._reporting("look for", key):
                self._client.stat_object(self._bucket, key)
        except MissingObjectError:
            return False
        return True

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys that start with ``prefix`` in order: sorted here, for not every server lists whole keys so."""
        check_prefix(prefix)
        with suppress(MissingObjectError), self._reporting("list", prefix):
            found = self._client.list_objects(self._bucket, prefix, recursive=True)
            return iter(sorted(entry.object_name for entry in found if entry.object_name and not entry.is_dir))
        return iter(())

    def delete(self, key: str) -> None:
        """Remove ``key``; no error if it is not there."""
        check_key(key)
        with suppress(MissingObjectError), self._reporting("delete", key):
            self._client.remove_object(self._bucket, key)

    def _make_bucket(self) -> None:
        if self._client.bucket_exists(self._bucket):
            return
        try:
            self._client.make_bucket(self._bucket)
        except S3Error as error:
            if error.code not in _BUCKET_IS_THERE:
                raise

    def _read(self, key: str, attempts: int) -> bytes:
        """The pool retries what breaks before the answer; what breaks within its body is for us to ask again."""
        try:
            with closing(self._client.get_object(self._bucket, key)) as response:
                return response.read()
        except (ProtocolError, ReadTimeoutError):
            if attempts == 1:
                raise
            return self._read(key, attempts - 1)

    @contextmanager
    def _reporting(self, verb: str, key: str) -> Iterator[None]:
        try:
            yield
        except S3Error as error:
            if error.code == "NoSuchKey" or (error.code == "NoSuchBucket" and not self._ready):
                raise MissingObjectError(f"there is no object {key!r} in {self.url} at {self._endpoint}") from error
            raise self._failure(verb, key, f"the server answered {error.code}: {error.message}") from error
        except MaxRetryError as error:
            reason = str(error.reason)  # its own text may hold a presigned address
            raise self._failure(verb, key, reason, UnreachableStoreError) from error
        except (HTTPError, OSError) as error:
            raise self._failure(verb, key, str(error)[:200], UnreachableStoreError) from error
        except (MinioException, ParseError, ValueError) as error:
            raise self._failure(verb, key, str(error)[:200]) from error

    def _failure(self, verb: str, key: str, reason: str, kind: type[StoreError] = StoreError) -> StoreError:
        return kind(
            f"cannot {verb} {key!r} in {self.url} at {self._endpoint}: {reason}; check that an S3 server runs there "
            "(PHIFORGE_S3_ENDPOINT) and takes the keys (PHIFORGE_S3_ACCESS_KEY, PHIFORGE_S3_SECRET_KEY)"
        )


def _readable(ca: Path | None) -> str | None:
    if ca is not None and not ca.is_file():
        raise StoreError(f"PHIFORGE_S3_CA is {str(ca)!r}, which is no file")
    return str(ca) if ca else None


def _checked(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or endpoint.removesuffix("/") != f"{parts.scheme}://{parts.netloc}":
        raise StoreError(f"the S3 endpoint is {endpoint!r}; allowed are http://host:port and https://host:port")
    if not parts.hostname or parts.username is not None:
        raise StoreError(
            "the S3 endpoint must name a host and no user; keys go to PHIFORGE_S3_ACCESS_KEY and _SECRET_KEY"
        )
    return endpoint
