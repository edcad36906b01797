"""Settings from the environment, or every problem in it at once, in words that never hold a secret."""

import logging
import os
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from pydantic import ValidationError

from phiforge.base.errors import SettingsError
from phiforge.base.redis_address import read_redis_address
from phiforge.base.settings import Settings

log = logging.getLogger(__name__)

_PREFIX = "PHIFORGE_"
_OTHERS = ("FAULTS", "SECRETS_DIR")
"""Variables that are no settings."""
_MISSPELT = 0.85
"""How alike a variable must be to a setting to be told of: Kubernetes sets others, such as PHIFORGE_REDIS_PORT."""
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_RULES = {"string_pattern_mismatch": "it is no name; allowed are a-z, 0-9 and '-', like my-fleet"}
"""What is said instead of a pattern; only the namespace has one."""
_MAY_HOLD_SECRETS = ("key", "password", "redis_url")


def read_settings() -> Settings:
    """Return the settings of this process; raises SettingsError naming each variable at problem and what it may be.

    A variable that is probably a misspelt setting is told of in the log.
    """
    for given, meant in misspelt(os.environ):
        log.warning("%s is no setting, so it changes nothing; did you mean %s?", given, meant)
    try:
        settings = Settings()
    except ValidationError as error:
        raise SettingsError(_sentences(error)) from None  # pydantic's own text may quote a secret
    problems = [
        problem
        for check in (_redis_problem, _device_problem, _level_problem, _home_problem)
        if (problem := check(settings))
    ]
    if problems:
        raise SettingsError(problems)
    return settings


def misspelt(variables: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each of ``variables`` that is nearly the name of a setting, and that name."""
    known = [name.upper() for name in Settings.model_fields]
    for variable in sorted(variables):
        name = variable.removeprefix(_PREFIX).upper()
        if name == variable.upper() or name in (*known, *_OTHERS):
            continue
        for near in get_close_matches(name, known, n=1, cutoff=_MISSPELT):
            yield variable, f"{_PREFIX}{near}"


def _sentences(error: ValidationError) -> list[str]:
    problems = []
    for detail in error.errors():
        field = str(detail["loc"][0]) if detail["loc"] else ""
        hidden = not field or any(part in field for part in _MAY_HOLD_SECRETS)
        given = "" if hidden else f" (given: {detail['input']!r})"
        said = _RULES.get(detail["type"], detail["msg"])
        problems.append(f"{_PREFIX}{field.upper()}: {said}{given}" if field else said)
    return problems


def _redis_problem(settings: Settings) -> str | None:
    try:
        read_redis_address(settings.broker_url)
    except ValueError as error:
        return f"{_PREFIX}REDIS_URL: {error}"
    return None


def _device_problem(settings: Settings) -> str | None:
    kind, colon, index = settings.device.partition(":")
    if kind in ("cpu", "cuda") and (not colon or (index.isascii() and index.isdigit())):
        return None
    return f"{_PREFIX}DEVICE: {settings.device!r} is no device; allowed are cpu, cuda, and cuda:N for one of several"


def _level_problem(settings: Settings) -> str | None:
    if settings.log_level in _LEVELS:
        return None
    return f"{_PREFIX}LOG_LEVEL: {settings.log_level!r} is no level; allowed are {', '.join(_LEVELS)}"


def _home_problem(settings: Settings) -> str | None:
    home = settings.home
    try:
        if not home.exists():
            return None
    except OSError as error:
        return f"{_PREFIX}HOME: {str(home)[:80]!r}... cannot be a folder: {error.strerror}; name another"
    elsewhere = settings.redis_url and settings.store_url  # nothing of a service is at home: it may be read-only
    if not home.is_dir() or not (elsewhere or os.access(home, os.W_OK)):
        return f"{_PREFIX}HOME: {str(home)!r} is no folder that can be written to; name another, or one to be made"
    return None
