"""What a command opens before it acts on runs, looks at them, or serves a queue."""

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from phiforge.base.environment import read_settings
from phiforge.base.errors import PhiforgeError
from phiforge.base.settings import Settings

if TYPE_CHECKING:
    from phiforge.fleet.platform import Platform
    from phiforge.runs.platform import RunPlatform

WAIT_FOR_STORE_SECONDS = 60.0
_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def open_platform() -> "Platform":
    """Open what it takes to act on runs; nothing is made before something is to be kept."""
    from phiforge.fleet.platform import Platform

    return Platform.open(_settings(), make=False)


def open_at(run: str) -> tuple["Platform", str]:
    """Open what it takes to act on the run that is meant, and return its whole id too."""
    from phiforge.runs.run_ids import run_of

    platform = open_platform()
    return platform, run_of(platform.record, run)


def look() -> "RunPlatform":
    """Open what it takes to look at runs, which is there at once: without torch or Celery, and leaving no trace."""
    from phiforge.runs.platform import RunPlatform

    return RunPlatform.look(_settings())


def look_at(run: str) -> tuple["RunPlatform", str]:
    """Open what it takes to look at the run that is meant, and return its whole id too."""
    from phiforge.runs.run_ids import run_of

    platform = look()
    return platform, run_of(platform.record, run)


def expect_redis(platform: "RunPlatform", otherwise: Callable[[], object] = lambda: None) -> None:
    """Raise ServiceError if Redis does not answer soon: work would wait for it much longer than a person does.

    Args:
        platform: whose Redis it is.
        otherwise: called before that is raised; may raise what a person should mend first.
    """
    from phiforge.runs.connection import connect_to_look
    from phiforge.runs.exchange import Exchange

    client = connect_to_look(platform.settings)
    try:
        Exchange(client, platform.settings.namespace).check()
    except PhiforgeError:
        otherwise()
        raise
    finally:
        client.close()


def open_for_service() -> "Platform":
    """Open the platform; a store that does not answer is waited for, as whoever started it may be slower."""
    from phiforge.base.errors import UnreachableStoreError
    from phiforge.fleet.platform import Platform

    settings = read_settings()
    logging.basicConfig(level=settings.log_level, format=_LOG_FORMAT)
    deadline = time.monotonic() + WAIT_FOR_STORE_SECONDS
    while True:
        try:
            return Platform.open(settings)
        except UnreachableStoreError as error:
            if time.monotonic() > deadline:
                raise
            logging.getLogger(__name__).warning("waiting for the object storage: %s", error)
            time.sleep(1.0)


def _settings() -> Settings:
    """Return the settings of a person's command, which logs no more than what went wrong unless it is told to."""
    settings = read_settings()
    level = settings.log_level if "log_level" in settings.model_fields_set else "WARNING"
    logging.basicConfig(level=level, format=_LOG_FORMAT)
    return settings
