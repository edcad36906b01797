"""What stands before every request: who asks, and how many bytes come."""

import hmac

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phiforge_server.refusals import RefusedError

OPEN = ("/", "/page.js", "/page.css", "/healthz", "/metrics")
"""Paths that need no key: the page, which asks for one, and what watches the service."""


class Guard:
    """Asks for the key and stops reading a body beyond the limit, whatever its header claims.

    Args:
        app: what is guarded.
        key: what callers must know; empty if anybody may call.
        most_bytes: of one request.
    """

    def __init__(self, app: ASGIApp, key: str, most_bytes: int) -> None:
        self._app, self._key, self._most = app, key, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if self._key and scope["path"] not in OPEN and not self._knows(headers):
            await _refuse(scope, receive, send, 401, "a key is needed: send it as 'Authorization: Bearer KEY'")
            return
        if _claimed(headers) > self._most:
            await _refuse(scope, receive, send, 413, f"a request may have {self._most} bytes: send fewer pictures")
            return
        await self._app(scope, self._counting(receive), send)

    def _knows(self, headers: dict[str, str]) -> bool:
        given = headers.get("authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), self._key.encode())

    def _counting(self, receive: Receive) -> Receive:
        got = 0

        async def counted() -> Message:
            nonlocal got
            message = await receive()
            got += len(message.get("body", b""))
            if got > self._most:
                raise RefusedError(413, f"a request may have {self._most} bytes: send fewer pictures")
            return message

        return counted


def _claimed(headers: dict[str, str]) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isascii() and length.isdigit() else 0


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, message: str) -> None:
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}
    await JSONResponse({"error": message}, status, headers)(scope, receive, send)
