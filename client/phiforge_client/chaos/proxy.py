"""A proxy between an S3 client and its server that is slow, answers 503 or cuts connections, as it is told."""

import asyncio
import random
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True)
class Weather:
    """What befalls requests: every one waits ``latency`` seconds; some parts of all are refused, and cut somewhere."""

    latency: float = 0.0
    refused: float = 0.0
    cut: float = 0.0


CALM = Weather()


class _CutError(Exception):
    """Raised when a connection is to end here."""


class FaultProxy:
    """Listens on a port of the loopback; ``weather`` may be changed at any time, from any thread."""

    def __init__(self, target: str, seed: int = 0) -> None:
        address = urlsplit(target)
        self._target = (str(address.hostname), int(address.port or 80))
        self._random = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self.weather = CALM
        self.done: Counter[str] = Counter()
        """How many requests were ``passed``, ``refused`` and ``cut``."""

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.endpoint = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def _close(self) -> None:
        self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """Pass one client's requests on until either side, or the weather, ends the connection."""
        writers = [to_client]
        with suppress(OSError, EOFError, asyncio.CancelledError, _CutError):
            server, to_server = await asyncio.open_connection(*self._target)
            writers.append(to_server)
            answers = _Answers(server, to_client)
            relay = asyncio.ensure_future(answers.pass_on())
            try:
                while True:
                    await self._pass_on_one(client, to_client, to_server, answers)
            finally:
                relay.cancel()
        for writer in writers:
            writer.close()

    async def _pass_on_one(
        self,
        client: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        to_server: asyncio.StreamWriter,
        answers: "_Answers",
    ) -> None:
        request = await _read_request(client)
        weather, fate = self.weather, self._random.random()
        await asyncio.sleep(weather.latency)
        if fate < weather.refused:
            self.done["refused"] += 1
            to_client.write(_BUSY)
            return
        if fate < weather.refused + weather.cut:
            self.done["cut"] += 1
            await self._cut(request, to_server, answers)
        else:
            self.done["passed"] += 1
        to_server.write(request)
        await to_server.drain()

    async def _cut(self, request: bytes, to_server: asyncio.StreamWriter, answers: "_Answers") -> None:
        """Cut before the request, in the middle of it, or in the middle of its answer."""
        place = self._random.choice(("before", "request", "answer"))
        if place == "answer":
            answers.cut_after = self._random.randrange(1, 2000)
            return
        if place == "request":
            to_server.write(request[: self._random.randrange(1, len(request))])
            await to_server.drain()
        raise _CutError


class _Answers:
    """Passes a server's bytes on to the client, all of them or only the next ``cut_after``."""

    def __init__(self, server: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self._server = server
        self._to_client = to_client
        self.cut_after: int | None = None

    async def pass_on(self) -> None:
        """Return, and hang up, when the server has or when it is time to cut."""
        with suppress(OSError):
            while data := await self._server.read(65536):
                if self.cut_after is not None:
                    data, self.cut_after = data[: self.cut_after], self.cut_after - len(data)
                self._to_client.write(data)
                await self._to_client.drain()
                if self.cut_after is not None and self.cut_after <= 0:
                    break
        self._to_client.close()


async def _read_request(client: asyncio.StreamReader) -> bytes:
    """Return a request's head and body, whose length its head says."""
    head = await client.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return head + await client.readexactly(length)
