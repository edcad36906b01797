"""The service as a web application: tasks, predictions, what watches it, and a page for people."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from phiforge.base.errors import PhiforgeError
from phiforge.base.metrics import SERVED, SERVED_PICTURES, SERVED_SECONDS
from phiforge.prediction.following import Followed
from phiforge.prediction.model import Model
from phiforge.runs.store import Store
from phiforge_server.documented import ERRORS, PICTURES
from phiforge_server.following import follow
from phiforge_server.guard import Guard
from phiforge_server.limits import Limits
from phiforge_server.refusals import status_of
from phiforge_server.service import Predictions
from phiforge_server.uploads import pictures_of

_PAGE = Path(__file__).parent / "page"
_FILES = {"/": "index.html", "/page.js": "page.js", "/page.css": "page.css"}


def make_app(models: Sequence[Model | Followed], store: Store, limits: Limits | None = None, key: str = "") -> FastAPI:
    """Return the application.

    Args:
        models: those that are offered, and runs that are followed; the first is meant where a request names none.
        store: where tasks are kept.
        limits: what is refused beyond.
        key: what callers must know; empty if anybody may call.
    """
    limits = limits or Limits()
    predictions = Predictions(models, store, limits)

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        following = asyncio.create_task(follow(predictions.models.all, limits.look_seconds))
        yield
        following.cancel()
        predictions.close()

    app = FastAPI(
        title="Phiforge predictions", version="1", lifespan=life, docs_url=None, redoc_url=None, responses=ERRORS
    )
    _add_tasks(app, predictions, limits)
    _add_watching(app, predictions)
    _add_page(app)
    _add_errors(app)
    app.add_middleware(Guard, key=key, most_bytes=limits.request_bytes)
    return app


def _add_tasks(app: FastAPI, predictions: Predictions, limits: Limits) -> None:
    @app.get("/models")
    def models() -> list[dict[str, Any]]:
        """List the models: how many classes each takes (null: any number), and what it sees."""
        return predictions.models.described()

    @app.post("/tasks", status_code=201, openapi_extra=PICTURES)
    async def create(request: Request, model: str = "") -> dict[str, Any]:
        """Make a task of a support set: files whose field is the label of each. Returns its id."""
        with _observed("adapt"):
            return await predictions.create(model, await pictures_of(request, limits))

    @app.get("/tasks")
    async def tasks() -> list[dict[str, Any]]:
        """List the tasks that live, the oldest first."""
        return await predictions.listed()

    @app.get("/tasks/{task}")
    async def task(task: str) -> dict[str, Any]:
        """Say what is known of a task."""
        return await predictions.described(task)

    @app.delete("/tasks/{task}", status_code=204)
    async def delete(task: str) -> Response:
        """Delete a task."""
        await predictions.delete(task)
        return Response(status_code=204)

    @app.post("/tasks/{task}/predictions", openapi_extra=PICTURES)
    async def predict(request: Request, task: str, nearest: Annotated[int, Query(ge=0, le=20)] = 0) -> dict[str, Any]:
        """Return of each picture, in the order of the files, all labels with their probabilities.

        With ``nearest``, so many pictures of the support set beside each, the nearest first: the label of each, which
        it was of those that were sent of that label (from 0), and how far away it is.
        """
        with _observed("predict"):
            found = await predictions.predict(task, await pictures_of(request, limits), nearest)
        SERVED_PICTURES.inc(len(found["predictions"]))
        return found


def _add_watching(app: FastAPI, predictions: Predictions) -> None:
    @app.get("/healthz")
    async def health() -> dict[str, str]:
        """Say that the service and its object storage answer."""
        await predictions.check()
        return {"status": "ok"}

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _add_page(app: FastAPI) -> None:
    for path, name in _FILES.items():
        app.add_api_route(path, _sender(_PAGE / name), include_in_schema=False)


def _sender(file: Path) -> Any:  # noqa: ANN401 - a route
    def send() -> FileResponse:
        return FileResponse(file, headers={"content-security-policy": "default-src 'self'; img-src 'self' blob:"})

    return send


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(PhiforgeError)
    async def refused(request: Request, error: PhiforgeError) -> JSONResponse:
        status = status_of(error)
        SERVED.labels(outcome="refused" if status < 500 else "failed").inc()
        return JSONResponse({"error": str(error)}, status)

    @app.exception_handler(HTTPException)
    async def not_there(request: Request, error: HTTPException) -> JSONResponse:
        said = {"error": f"{request.method} {request.url.path}: {error.detail}"}
        return JSONResponse(said, error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"error": "; ".join(str(each["msg"]) for each in error.errors())}, 422)


@contextmanager
def _observed(kind: str) -> Iterator[None]:
    """Count a request that ends well, and its time."""
    with SERVED_SECONDS.labels(kind=kind).time():
        yield
    SERVED.labels(outcome="served").inc()
