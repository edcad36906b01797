"""A service that really listens, in a thread, and whoever calls it."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import urllib3
import uvicorn
from fastapi import FastAPI
from urllib3.exceptions import HTTPError

from phiforge_client.processes import free_port


class Answer(NamedTuple):
    """What came back."""

    status_code: int
    data: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.data.decode()

    def json(self) -> Any:
        """The body as JSON values."""
        return json.loads(self.data)


class Caller:
    """Calls one service.

    Args:
        url: where it listens.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._pool = urllib3.PoolManager(maxsize=32)

    def request(self, method: str, path: str, files: Any = None, params: Any = None, **more: Any) -> Answer:
        """Send a request; ``files`` are (field, (name, bytes, type))."""
        query = "?" + "&".join(f"{name}={value}" for name, value in params.items()) if params else ""
        body = {"fields": files} if files is not None else {}
        found = self._pool.request(method, self.url + path + query, **body, **more, retries=False)
        return Answer(found.status, found.data)

    def get(self, path: str, **more: Any) -> Answer:
        """Send a GET."""
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> Answer:
        """Send a POST."""
        return self.request("POST", path, **more)

    def delete(self, path: str) -> Answer:
        """Send a DELETE."""
        return self.request("DELETE", path)


def answers(caller: Caller) -> bool:
    """Say whether a service answers yet."""
    try:
        return caller.get("/healthz").status_code == 200
    except HTTPError:
        return False


@contextmanager
def listening(app: FastAPI) -> Iterator[Caller]:
    """Serve ``app`` on a free port of this machine for a while."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield Caller(f"http://127.0.0.1:{port}")
    finally:
        server.should_exit = True
        thread.join()
