"""The service as a process: it listens until it is told to stop, and then ends what is under way."""

from collections.abc import Sequence

import uvicorn

from phiforge.base.errors import SettingsError
from phiforge.base.transport import is_loopback
from phiforge.prediction.following import Followed
from phiforge.prediction.model import Model
from phiforge.runs.store import Store
from phiforge_server.app import make_app
from phiforge_server.limits import Limits

_GRACE_SECONDS = 30


def serve(
    models: Sequence[Model | Followed], store: Store, host: str, port: int, key: str, limits: Limits | None = None
) -> None:
    """Serve ``models`` until SIGTERM or Ctrl-C.

    Args:
        models: those that are offered, and runs that are followed.
        store: where tasks are kept.
        host: where it listens; others than this machine need a key.
        port: of it.
        key: what callers must know; empty if anybody may call.
        limits: what is refused beyond.

    Raises:
        SettingsError: if it would listen to other machines without a key.
    """
    if not key and not is_loopback(host):
        raise SettingsError([f"--host {host}: who listens to other machines needs a key: set PHIFORGE_SERVE_KEY"])
    app = make_app(models, store, limits, key)
    uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=_GRACE_SECONDS)
