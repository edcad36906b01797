"""Downloads that go on where they stopped, and that are what they should be."""

import hashlib
import http.client
import time
import urllib.error
import urllib.request
from pathlib import Path

from phiforge.base.errors import DataError
from phiforge.tasks.datasets.bases.dataset import Progress

_CHUNK_BYTES = 2**18
_ATTEMPTS = 4
_TIMEOUT_SECONDS = 30


def download(url: str, target: Path, sha256: str | None = None, progress: Progress | None = None) -> Path:
    """Return ``target``, fetched from ``url`` unless it is there; an interrupted download goes on where it stopped.

    Raises DataError if the address cannot be read after a few attempts, or the file's SHA-256 is not ``sha256``.
    """
    if target.exists():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot keep {url} in {target.parent}: {error.strerror}") from error
    part = target.with_name(target.name + ".part")
    _fetch(url, part, progress)
    found = hashlib.sha256(part.read_bytes()).hexdigest()
    if sha256 is not None and found != sha256:
        part.unlink()
        raise DataError(f"{url} is not what it should be: its SHA-256 is {found}, expected {sha256}; it was deleted")
    return part.replace(target)


def _fetch(url: str, part: Path, progress: Progress | None) -> None:
    for attempt in range(_ATTEMPTS):
        try:
            _fetch_rest(url, part, progress)
            return
        except (OSError, http.client.HTTPException) as error:
            if attempt == _ATTEMPTS - 1 or (isinstance(error, urllib.error.HTTPError) and error.code < 500):
                raise DataError(
                    f"cannot download {url}: {error}; try again (it goes on where it stopped), or give a local folder"
                ) from error
            time.sleep(2**attempt * 0.25)


def _fetch_rest(url: str, part: Path, progress: Progress | None) -> None:
    """Append to ``part`` what it lacks; a server that ignores the Range header sends all, which starts anew."""
    done = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        answer = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # nothing is lacking
        raise
    with answer:
        resumed = answer.status == http.HTTPStatus.PARTIAL_CONTENT
        done = done if resumed else 0
        total = done + int(answer.headers["Content-Length"] or 0)  # not every server says how much it sends
        with part.open("ab" if resumed else "wb") as file:
            while chunk := answer.read(_CHUNK_BYTES):
                done += file.write(chunk)
                if progress:
                    progress(f"downloading {part.stem}", done, max(done, total))
    if done < total:
        raise http.client.IncompleteRead(b"", total - done)
