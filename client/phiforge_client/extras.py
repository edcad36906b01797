"""Packages that only some commands need."""

from importlib.util import find_spec

from phiforge.base.errors import ServiceError


def expect_extra(extra: str, *packages: str) -> None:
    """Raise ServiceError, saying what to install, unless all ``packages`` of an extra are there."""
    if missing := [package for package in packages if find_spec(package) is None]:
        raise ServiceError(f"this needs {', '.join(missing)}: pip install 'phiforge[{extra}]'")
