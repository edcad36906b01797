"""Where Phiforge runs: environment variables ``PHIFORGE_*``, and files for secrets. Nothing here may change φ."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

from phiforge.base.home import FOLDER, find_home, users_home

SECRETS_DIR = "/run/secrets"
"""Where Docker, Compose and Kubernetes lay secrets; ``PHIFORGE_SECRETS_DIR`` names another folder."""


class Settings(BaseSettings):
    """One process's surroundings: ``PHIFORGE_REDIS_URL=...``, or a file ``phiforge_redis_url`` in the secrets' folder.

    A variable wins over a file. No secret shows in what is printed of this, nor in what is said of a wrong value.
    """

    model_config = SettingsConfigDict(env_prefix="PHIFORGE_", frozen=True, extra="ignore", hide_input_in_errors=True)

    home: Path = Field(
        default_factory=find_home,
        description="Local state: the embedded object store, logs, cached data; default: a project's .phiforge, found "
        "from any folder in it, else ~/.phiforge.",
    )
    redis_url: str = Field(
        default="",
        description="redis://host:port/db, rediss://... or unix:///path.sock?db=0; default: the embedded one's.",
    )
    redis_user: str = Field(default="", description="Who to be for Redis; default: its user 'default'.")
    redis_password: SecretStr = Field(default=SecretStr(""), description="May stand in the address too.")
    redis_ca: Path | None = Field(
        default=None, description="Certificates that a rediss:// server's must come from; default: the system's."
    )
    store_url: str = Field(
        default="", description="file:///folder or s3://bucket; default: the folder 'store' of the home."
    )
    s3_endpoint: str = Field(default="http://127.0.0.1:9000", description="Address of the S3 server of an s3:// store.")
    s3_access_key: str = "phiforge"
    s3_secret_key: SecretStr = SecretStr("phiforge-secret")
    s3_ca: Path | None = Field(
        default=None, description="Certificates that an https:// server's must come from; default: the system's."
    )
    allow_plaintext: bool = Field(
        default=False, description="Let http:// and redis:// leave this machine: whoever is on the way reads all."
    )
    namespace: str = Field(
        default="phiforge", pattern=r"^[a-z0-9-]+$", description="Prefix of every Redis key and queue; one per fleet."
    )
    omniglot: Path | None = Field(
        default=None, description="A folder with Omniglot's two zips or extracted trees; default: download."
    )
    images: Path | None = Field(
        default=None, description="A folder, a zip or a tar of one folder of pictures a class, for data 'images'."
    )
    features: Path | None = Field(
        default=None, description="A .npz or .safetensors file of vectors with labels, for data 'features'."
    )
    weights: Path | None = Field(
        default=None,
        description="A folder of weights for network 'pretrained', .safetensors; default: weights in the home.",
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
    serve_key: SecretStr = Field(
        default=SecretStr(""), description="What callers of `phiforge serve` must know; needed beyond this machine."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then the environment, then the secrets' folder if there is one."""
        folder = Path(os.environ.get("PHIFORGE_SECRETS_DIR", SECRETS_DIR))
        files = [SecretsSettingsSource(settings_cls, folder)] if folder.is_dir() else []
        return (init_settings, env_settings, *files)

    @model_validator(mode="before")
    @classmethod
    def _take_password_out(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Move user and password from the Redis address to their own fields: addresses are printed, those are not."""
        address = str(values.get("redis_url", ""))
        _, _, place = address.partition("://")
        user_and_password, at, rest = place.rpartition("@")
        if "password=" in address.partition("?")[2]:  # not yet known to be an address
            raise ValueError("PHIFORGE_REDIS_URL takes a password as redis://user:password@host, not after a '?'")
        if not at:
            return values
        user, _, password = user_and_password.partition(":")
        apart = {"redis_url": address.replace(place, rest), "redis_user": unquote(user)}
        return values | apart | {"redis_password": SecretStr(unquote(password))}

    @property
    def home_found(self) -> str:
        """How the home was found, to be told with it."""
        if "home" in self.model_fields_set:
            return "PHIFORGE_HOME"
        return "yours" if self.home == users_home() else f"the {FOLDER} of a project"

    @property
    def broker_url(self) -> str:
        """The Redis address without user and password, with the embedded stack's socket as the default."""
        return self.redis_url or f"unix://{self.redis_socket}"

    @property
    def broker_login(self) -> tuple[str, str] | None:
        """User and password for Redis, if it wants any: the embedded stack's socket is open to this user alone."""
        password = self.redis_password.get_secret_value()
        return (self.redis_user or "default", password) if self.redis_url and password else None

    @property
    def redis_socket(self) -> Path:
        """Unix socket of the embedded Redis, short enough for the kernel's 107 characters whatever the home."""
        home = hashlib.sha256(os.fsencode(self.home.resolve())).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"phiforge-{os.getuid()}-{home}.sock"

    @property
    def object_store_url(self) -> str:
        """The object storage's address, with a folder of the home as the default."""
        return self.store_url or f"file://{(self.home / 'store').resolve()}"
