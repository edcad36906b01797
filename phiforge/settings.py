"""Where Phiforge runs: environment variables ``PHIFORGE_*``. Nothing here may change φ."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """One process's surroundings, read from the environment (``PHIFORGE_REDIS_URL=...``)."""

    model_config = SettingsConfigDict(env_prefix="PHIFORGE_", frozen=True, extra="ignore")

    home: Path = Field(
        default=Path(".phiforge"), description="Local state: the embedded object store, sockets, logs, cached data."
    )
    redis_url: str = Field(
        default="",
        description="redis://host:port/db, rediss://... or unix:///path.sock; default: the embedded stack's socket.",
    )
    store_url: str = Field(
        default="", description="file:///folder or s3://bucket; default: the folder 'store' of the home."
    )
    s3_endpoint: str = Field(default="http://127.0.0.1:9000", description="Address of the S3 server of an s3:// store.")
    s3_access_key: str = "phiforge"
    s3_secret_key: SecretStr = SecretStr("phiforge-secret")
    namespace: str = Field(
        default="phiforge", pattern=r"^[a-z0-9-]+$", description="Prefix of every Redis key and queue; one per fleet."
    )
    omniglot: Path | None = Field(
        default=None, description="A folder with Omniglot's two zips or extracted trees; default: download."
    )
    images: Path | None = Field(
        default=None, description="A folder, or a zip, of one folder of pictures a class, for data 'images'."
    )
    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(default=0, ge=0, le=65535, description="Port of /metrics; 0 picks a free one.")
    device: str = Field(default="cpu", description="Torch device of this trainer or evaluator: cpu, cuda, cuda:1.")
    reconcile_seconds: float = Field(default=2.0, gt=0, description="Pause between two looks at every active run.")
    stall_seconds: float = Field(
        default=2.0, gt=0, description="Shortest silence of a run after which missing messages are sent again."
    )
    keep_episodes: Annotated[int, Field(ge=0)] | Literal["all"] = Field(
        default=0,
        description="Versions before the newest checkpoint whose episodes stay until the run ends; or all, for good.",
    )
    keep_checkpoints: Annotated[int, Field(ge=1)] | Literal["all"] = Field(
        default="all", description="Newest checkpoints that are kept, besides the first and the validated ones; or all."
    )
    lease_seconds: float = Field(
        default=10.0, gt=0, description="Silence after which a worker that had begun a job counts as dead."
    )
    log_level: str = "INFO"

    @property
    def broker_url(self) -> str:
        """The Redis address, with the embedded stack's socket as the default."""
        return self.redis_url or f"unix://{self.redis_socket}"

    @property
    def redis_socket(self) -> Path:
        """Unix socket of the embedded Redis, short enough for the kernel's 107 characters whatever the home."""
        home = hashlib.sha256(os.fsencode(self.home.resolve())).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"phiforge-{os.getuid()}-{home}.sock"

    @property
    def object_store_url(self) -> str:
        """The object storage's address, with a folder of the home as the default."""
        return self.store_url or f"file://{(self.home / 'store').resolve()}"
