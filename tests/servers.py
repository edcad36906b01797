"""The servers that tests run against: real ones, and two that fail in ways a real one does not on demand."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NoReturn, Self, TypeVar
from urllib.parse import urlsplit

import pytest

from phiforge.base.errors import ServiceError
from phiforge_client.servers import RedisServer, S3Server

Server = TypeVar("Server", RedisServer, S3Server)


@contextmanager
def running(server: Server, find_binary: Callable[[], Path]) -> Iterator[Server]:
    """Run ``server`` for a while; where its program is missing skip, but fail where CI says that it must be there."""
    try:
        find_binary()
    except ServiceError as error:
        missing(str(error))
    with server:
        yield server


def require(program: str | None, otherwise: str) -> str:
    """Return ``program`` if it is there; else skip, or fail in CI, with what to do about it."""
    return program or missing(otherwise)


def missing(what: str) -> NoReturn:
    """Skip a test that lacks something; fail it where CI says that everything must be there."""
    if os.environ.get("CI", "").lower() in ("", "0", "false"):
        pytest.skip(what)
    pytest.fail(f"CI must have everything: {what}")


class CuttingProxy:
    """Stands between a client and a server, and cuts a connection within an answer when told to."""

    def __init__(self, endpoint: str) -> None:
        target = urlsplit(endpoint)
        self._target = (target.hostname, target.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listener]
        self._threads: list[threading.Thread] = []
        self._cut_after: int | None = None
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut_next_answer(self, after_bytes: int) -> None:
        """Let only the first ``after_bytes`` of the next answer through."""
        self._cut_after = after_bytes

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._sockets:
            _hang_up(each)
        for thread in self._threads:
            thread.join(timeout=5)
        for each in self._sockets:
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._sockets += [client, server]
                self._start(self._questions, client, server)
                self._start(self._answers, server, client)

    def _questions(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)
        _hang_up(server)

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                cut, self._cut_after = self._cut_after, None
                client.sendall(data[:cut])
                if cut is not None:
                    break
        _hang_up(client)

    def _start(self, target: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()


class StandInS3:
    """Answers what opening a store asks of an S3 server; what a PUT comes to is for ``write`` to say."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.request_queue_size = 64
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def write(self, path: str) -> int:
        """Return the status of writing ``path`` if absent."""
        raise NotImplementedError


class LyingS3(StandInS3):
    """Says 200 to every PUT, whatever its conditions; at first it is ``busy`` and says 503."""

    def __init__(self, busy: int = 0) -> None:
        self.busy = busy
        self.puts = 0
        super().__init__()

    def write(self, path: str) -> int:
        """Return 200, or 503 while busy."""
        self.puts += 1
        return 503 if self.puts <= self.busy else 200


class RacingS3(StandInS3):
    """Refuses to write a key that is there, but looks and writes in two steps: it loses races."""

    def __init__(self, pause_seconds: float) -> None:
        self._pause, self._there = pause_seconds, set[str]()
        super().__init__()

    def write(self, path: str) -> int:
        """Return 412 if ``path`` was there at a first look, else 200."""
        if path in self._there:
            return 412
        time.sleep(self._pause)
        self._there.add(path)
        return 200


def _handler(server: StandInS3) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(server.write(self.path.partition("?")[0]))

        def do_HEAD(self) -> None:
            self._answer(200)

        def do_GET(self) -> None:
            self._answer(200, b"<LocationConstraint/>")

        def do_DELETE(self) -> None:
            self._answer(204)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

        def _answer(self, status: int, body: bytes = b"") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _hang_up(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
