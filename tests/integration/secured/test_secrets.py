"""No secret shows in logs, metrics, arguments, objects, errors or settings."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from phiforge.base.errors import StoreError
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.store import open_store
from phiforge_client.processes import free_port
from phiforge_client.servers import S3Server
from tests.secured import SecuredStack, canaries

pytestmark = pytest.mark.services


def phiforge(settings: Settings, *arguments: str) -> str:
    """Run the command as a person would, and return all it prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PHIFORGE_")}
    own = {
        "HOME": str(settings.home),
        "REDIS_URL": settings.broker_url.replace("://", f"://{settings.redis_user}:{password(settings)}@"),
        "REDIS_CA": str(settings.redis_ca),
        "STORE_URL": settings.object_store_url,
        "S3_ENDPOINT": settings.s3_endpoint,
        "S3_ACCESS_KEY": settings.s3_access_key,
        "S3_SECRET_KEY": settings.s3_secret_key.get_secret_value(),
        "S3_CA": str(settings.s3_ca),
        "LOG_LEVEL": "DEBUG",
    }
    environment |= {f"PHIFORGE_{name}": value for name, value in own.items()}
    command = [sys.executable, "-m", "phiforge_client.cli", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr


def password(settings: Settings) -> str:
    return settings.redis_password.get_secret_value()


def test_no_secret_is_seen_anywhere(
    settings: dict[str, Settings],
    platform: Platform,
    stack: SecuredStack,
    finished: str,
    secrets: Path,
    tls_s3: S3Server,
) -> None:
    # Given a run that logged at DEBUG, a command that finds its Redis gone, and a key that is another's
    client = settings["client"]
    closed = client.model_copy(update={"redis_url": f"rediss://127.0.0.1:{free_port()}/0"})
    with pytest.raises(StoreError, match="PHIFORGE_S3_SECRET_KEY") as wrong:
        open_store(client.model_copy(update={"s3_access_key": "trainer"}))
    outputs = {"closed port": phiforge(closed, "cancel", finished), "wrong key": f"{wrong.value!r}{wrong.value}"}
    assert "cannot reach Redis" in outputs["closed port"]
    # If all that anybody may see is gathered: that, logs, metrics, arguments, the whole object storage, the settings
    outputs |= {f"log of {path}": path.read_text(errors="replace") for path in stack.logs.parent.rglob("*.log")}
    outputs |= {f"metrics of {name}": page for name, page in stack.metrics().items()}
    for service in stack.services:
        outputs[f"arguments of {service.name}"] = Path(f"/proc/{service.process.pid}/cmdline").read_text()
    for key in platform.store.list(""):
        outputs[f"object {key}"] = platform.store.get(key).decode("latin-1")
    outputs["settings"] = "".join(
        f"{each!r}{each}{each.model_dump()}{each.model_dump_json()}" for each in settings.values()
    )
    outputs["platform"] = f"{platform.queue.app.connection_for_write()!r}{platform.queue.app.conf.humanize()}"
    # I expect no secret in any of it, nor an address that opens the object storage.
    for name, text in outputs.items():
        for canary, secret in canaries(secrets).items():
            assert secret not in text, f"{canary} shows in {name}"
        assert "X-Amz-Signature" not in text, name
