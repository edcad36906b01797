"""The web view as an application: JSON of the record, reports, and one page."""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from phiforge.base.errors import PhiforgeError, StudyError
from phiforge.runs.platform import RunPlatform
from phiforge.runs.run_ids import run_of
from phiforge_client.web import record
from phiforge_server.refusals import status_of

_PAGE = Path(__file__).parent / "page"
_FILES = {"/": "index.html", "/page.js": "page.js", "/page.css": "page.css"}
_SAFE = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
_PAGE_SAFE = _SAFE | {
    "content-security-policy": "default-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'"
}
_REPORT_SAFE = _SAFE | {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:"}

Endpoint = Callable[[Request], Response]


def make_app(platform: RunPlatform, host: str = "127.0.0.1") -> Starlette:
    """Return the application.

    Args:
        platform: whose record is shown.
        host: by which name it is called, besides those of this machine.
    """
    told: dict[str, Callable[[Request], Any]] = {
        "/api/runs": lambda _: record.runs(platform),
        "/api/runs/{name}": lambda request: record.run(platform, request.path_params["name"]),
        "/api/queue": lambda _: record.queue(platform),
        "/api/studies": lambda _: record.studies(platform),
        "/api/studies/{name}": lambda request: record.study(platform, request.path_params["name"]),
        "/healthz": lambda _: {"status": "ok"} if platform.store.exists("health") in (True, False) else {},
    }
    routes = [Route(path, _json(tell)) for path, tell in told.items()]
    routes += [Route(path, _file(_PAGE / name)) for path, name in _FILES.items()]
    routes.append(Route("/reports/{name}", _report(platform)))
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", host])
    refusals = {HTTPException: _missed, PhiforgeError: _refused, Exception: _failed}
    return Starlette(routes=routes, middleware=[hosts], exception_handlers=refusals)


def _json(tell: Callable[[Request], Any]) -> Endpoint:
    """Return an endpoint whose answer has an ETag; who has that answer already is told so."""

    def send(request: Request) -> Response:
        answer = JSONResponse(tell(request), headers=_SAFE | {"cache-control": "no-cache"})
        tag = f'"{hashlib.sha256(bytes(answer.body)).hexdigest()[:32]}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"etag": tag})
        answer.headers["etag"] = tag
        return answer

    return send


def _file(file: Path) -> Endpoint:
    return lambda request: FileResponse(file, headers=_PAGE_SAFE)


def _report(platform: RunPlatform) -> Endpoint:
    """Return an endpoint that writes reports, one at a time: each computes a run's test tasks again."""
    one = Lock()

    def send(request: Request) -> Response:
        from phiforge_client.results.findings import findings
        from phiforge_client.results.page import write_page

        with one, tempfile.TemporaryDirectory() as folder:
            found = findings(platform, run_of(platform.record, request.path_params["name"]))
            html = write_page(platform, [found], Path(folder)).read_bytes()
        return Response(html, media_type="text/html", headers=_REPORT_SAFE)

    return send


def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, PhiforgeError)
    return JSONResponse({"error": str(error)}, 404 if isinstance(error, StudyError) else status_of(error))


def _missed(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    said = f"{request.method} {request.url.path}: {error.detail}"
    return JSONResponse({"error": said}, error.status_code, error.headers)


def _failed(request: Request, error: Exception) -> JSONResponse:
    said = f"{request.method} {request.url.path}: this should not have happened: {type(error).__name__}: {error}"
    return JSONResponse({"error": said}, 500)
