"""The web view as a process: it listens until it is told to stop."""

import uvicorn

from phiforge.base.errors import SettingsError
from phiforge.base.transport import is_loopback
from phiforge.runs.platform import RunPlatform
from phiforge_client.web.app import make_app

_GRACE_SECONDS = 5


def expect_this_machine(host: str) -> None:
    """Raise SettingsError if other machines could reach ``host``."""
    if not is_loopback(host):
        raise SettingsError([f"--host {host}: the web view knows no keys; give an address of this machine: 127.0.0.1"])


def serve(platform: RunPlatform, host: str, port: int) -> None:
    """Serve the view until SIGTERM or Ctrl-C; raises SettingsError if other machines could reach it."""
    expect_this_machine(host)
    app = make_app(platform, host)
    uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=_GRACE_SECONDS)
