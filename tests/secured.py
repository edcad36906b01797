"""A fleet as it is deployed: TLS everywhere, and a user of its own on Redis and on S3 for each service."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from phiforge.base.settings import Settings
from phiforge_client.stack import Service, Stack
from tests.servers import require

MAKE_SECRETS = Path(__file__).parents[1] / "deploy" / "make_secrets.py"
USERS = ("sampler", "trainer", "evaluator", "client")
S3_USERS = (*USERS, "serve")
"""Who has a user on S3; who serves predictions has none on Redis."""


def make_secrets(folder: Path) -> Path:
    """Write certificates, users and passwords into ``folder`` as ``make secrets`` does."""
    require(shutil.which("openssl"), "there is no openssl on PATH: apt-get install openssl")
    subprocess.run([sys.executable, MAKE_SECRETS, folder], check=True, capture_output=True)
    return folder


def settings_of(user: str, common: Settings, secrets: Path) -> Settings:
    """Return the settings of one service, as itself."""
    on_redis = (
        {"redis_user": user, "redis_password": (secrets / f"{user}-redis-password").read_text()}
        if user in USERS
        else {}
    )
    own = on_redis | {
        "redis_ca": secrets / "ca.crt",
        "s3_access_key": user,
        "s3_secret_key": (secrets / f"{user}-s3-secret-key").read_text(),
        "s3_ca": secrets / "ca.crt",
    }
    return Settings.model_validate(common.model_dump() | own)


class SecuredStack(Stack):
    """Services of which each has its own user."""

    def __init__(self, common: Settings, secrets: Path, trainers: int) -> None:
        super().__init__(common, trainers)
        self._common = common
        self._secrets = secrets

    def start(self, name: str, index: int) -> Service:
        """Start one service process as its own user."""
        self.settings = settings_of(name, self._common, self._secrets)
        return super().start(name, index)


def canaries(secrets: Path) -> dict[str, str]:
    """Return every secret by its name: what must be found nowhere else."""
    named = {path.name: path.read_text() for path in secrets.glob("*-redis-password")}
    named |= {path.name: path.read_text() for path in secrets.glob("*-s3-secret-key")}
    keys = {path.name: re.sub(r"-----[A-Z ]+-----|\s", "", path.read_text())[:40] for path in secrets.glob("*.key")}
    return named | keys
