"""Downloads from a real server: they go on where they stopped, and what is wrong is refused."""

import hashlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiforge.base.errors import DataError
from phiforge.tasks.datasets.bases.download import download

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class FileServer:
    """Serves CONTENT at /file.bin, with ranges or without; can be told to fail first, or to break off."""

    def __init__(self):
        self.ranges = []
        """The Range header of each request."""
        self.knows_ranges = True
        self.tells_length = True
        self.failures = 0
        """How many of the next answers are 503."""
        self.break_off_after = []
        """How many bytes of each of the next answers are sent."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}/file.bin"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self):
        files = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked = self.headers["Range"]
                files.ranges.append(asked)
                if files.failures:
                    files.failures -= 1
                    self._answer(503)
                elif self.path != "/file.bin":
                    self._answer(404)
                elif asked is None or not files.knows_ranges:
                    self._answer(200, CONTENT)
                else:
                    first = int(asked.removeprefix("bytes=").removesuffix("-"))
                    self._answer(*((206, CONTENT[first:]) if first < len(CONTENT) else (416,)))

            def log_message(self, *_):
                """Keep quiet."""

            def _answer(self, status, body=b""):
                self.send_response(status)
                if files.tells_length:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: files.break_off_after.pop(0)] if files.break_off_after else body)

        return Handler


@pytest.fixture
def server():
    with FileServer() as server:
        yield server


@pytest.fixture
def target(tmp_path):
    """Where the file should go, in a folder that is not there yet."""
    return tmp_path / "data" / "sets" / "file.bin"


def interrupted(target, part):
    """Leave what an interrupted download leaves."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.with_name("file.bin.part").write_bytes(part)


def names(target):
    return [path.name for path in target.parent.iterdir()]


def test_a_download(server, target):
    # Given a file on a server
    told = []
    # If it is downloaded
    found = download(server.url, target, SHA256, lambda *each: told.append(each))
    # I expect it whole and nothing beside it, from one request, and to be told how it went, up to the end.
    assert found == target
    assert target.read_bytes() == CONTENT
    assert names(target) == ["file.bin"]
    assert server.ranges == [None]
    assert {(what, total) for what, _, total in told} == {("downloading file.bin", len(CONTENT))}
    done = [done for _, done, _ in told]
    assert len(done) > 1
    assert done == sorted(set(done))
    assert done[-1] == len(CONTENT)


def test_what_is_there_is_not_downloaded(server, target):
    # Given a file that is there
    target.parent.mkdir(parents=True)
    target.write_bytes(b"mine")
    # If it is downloaded, I expect it untouched, and no request.
    assert download(server.url, target, SHA256) == target
    assert target.read_bytes() == b"mine"
    assert server.ranges == []


def test_a_half_downloaded_file_is_resumed(server, target):
    # Given what an interrupted download left
    interrupted(target, CONTENT[:300_001])
    told = []
    # If it is downloaded again
    download(server.url, target, SHA256, lambda *each: told.append(each))
    # I expect only the rest to be asked for, the whole file, and to be told of what was there already.
    assert server.ranges == ["bytes=300001-"]
    assert target.read_bytes() == CONTENT
    assert names(target) == ["file.bin"]
    assert all(done > 300_001 for _, done, _ in told)
    assert told[-1] == ("downloading file.bin", len(CONTENT), len(CONTENT))


@given(length=st.integers(0, len(CONTENT)), knows_ranges=st.booleans())
def test_a_download_is_resumed_wherever_it_stopped(tmp_path_factory, length, knows_ranges):
    # Given a part of any length, and a server with ranges or without
    target = tmp_path_factory.mktemp("data") / "file.bin"
    interrupted(target, CONTENT[:length])
    with FileServer() as server:
        server.knows_ranges = knows_ranges
        # If it is downloaded, I expect the whole file.
        assert download(server.url, target, SHA256).read_bytes() == CONTENT
        assert server.ranges == [f"bytes={length}-" if length else None]


def test_a_server_without_ranges(server, target):
    # Given a part that is no part of the file, and a server that always sends everything
    server.knows_ranges = False
    interrupted(target, b"something else")
    told = []
    # If it is downloaded
    download(server.url, target, SHA256, lambda *each: told.append(each))
    # I expect it anew and whole, and the progress to start from nothing.
    assert target.read_bytes() == CONTENT
    assert told[-1] == ("downloading file.bin", len(CONTENT), len(CONTENT))


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_server_that_breaks_off(server, target, knows_ranges):
    # Given a server that twice sends less than it said
    server.break_off_after = [400_000, 200_000]
    server.knows_ranges = knows_ranges
    # If it is downloaded
    download(server.url, target, SHA256)
    # I expect each further request to ask for what is lacking, and the whole file.
    second = 600_000 if knows_ranges else 200_000
    assert server.ranges == [None, "bytes=400000-", f"bytes={second}-"]
    assert target.read_bytes() == CONTENT


def test_a_server_that_breaks_off_again_and_again(server, target):
    # Given a server that sends 1000 bytes of whatever it is asked for
    server.break_off_after = [1000] * 4
    # If it is downloaded, I expect an error in the end that says what to do,
    with pytest.raises(DataError, match=rf"cannot download {server.url}: .*try again .*or give a local folder"):
        download(server.url, target, SHA256)
    # no file, but what was sent
    assert names(target) == ["file.bin.part"]
    # and that the next download goes on there.
    download(server.url, target, SHA256)
    assert server.ranges[-1] == "bytes=4000-"
    assert target.read_bytes() == CONTENT


def test_a_server_that_is_busy_for_a_moment(server, target):
    # Given a server that says 503 twice, if the file is downloaded, I expect it.
    server.failures = 2
    assert download(server.url, target, SHA256).read_bytes() == CONTENT
    assert len(server.ranges) == 3


def test_a_server_that_does_not_say_how_much_it_sends(server, target):
    # Given a server that sends no Content-Length
    server.tells_length = False
    told = []
    # If it is downloaded, I expect the whole file, and to be told no total that is less than what is done.
    assert download(server.url, target, SHA256, lambda *each: told.append(each)).read_bytes() == CONTENT
    assert all(total >= done for _, done, total in told)


@pytest.mark.parametrize("part", [b"", CONTENT[:1000], b"x" * 1000, CONTENT, CONTENT + b"x"])
def test_a_file_with_another_hash(server, target, part):
    # Given a file that is not what is expected, or a part that cannot become it
    interrupted(target, part)
    expected = "0" * 64
    # If it is downloaded, I expect an error that names the address and both hashes, and no trace of it.
    with pytest.raises(DataError, match=rf"{server.url} is not .* SHA-256 is [0-9a-f]{{64}}, expected {expected}"):
        download(server.url, target, expected)
    assert names(target) == []


def test_a_damaged_part_does_no_harm_twice(server, target):
    # Given a part that is damaged
    interrupted(target, b"x" * 1000)
    # If the file is downloaded and refused, and downloaded again, I expect it whole.
    with pytest.raises(DataError, match="it was deleted"):
        download(server.url, target, SHA256)
    assert download(server.url, target, SHA256).read_bytes() == CONTENT


def test_without_a_hash(server, target):
    # Given no hash to compare with, if a file is downloaded, I expect it as the server has it.
    assert download(server.url, target).read_bytes() == CONTENT


def test_a_file_that_the_server_lacks(server, target):
    # Given an address that the server does not know
    url = server.url.replace("file.bin", "other.bin")
    # If it is downloaded, I expect an error that says so, after one request, and nothing left.
    with pytest.raises(DataError, match=f"cannot download {url}: HTTP Error 404"):
        download(url, target, SHA256)
    assert len(server.ranges) == 1
    assert names(target) == []


def test_a_server_that_is_not_there(target):
    # Given a port where nobody listens, which is kept so
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{kept.getsockname()[1]}/file.bin"
        # If a file is downloaded from it, I expect an error that says so, and nothing left.
        with pytest.raises(DataError, match=rf"cannot download {url}: .*refused"):
            download(url, target, SHA256)
    assert names(target) == []


def test_a_folder_that_cannot_be_made(tmp_path):
    # Given a file where the folder should be, I expect an error that names it, before anything is asked of a server.
    (tmp_path / "taken").touch()
    with pytest.raises(DataError, match=r"cannot keep http://nowhere/a in .*taken/folder: Not a directory"):
        download("http://nowhere/a", tmp_path / "taken" / "folder" / "a")
