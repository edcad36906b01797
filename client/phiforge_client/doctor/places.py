"""What is found of folders, disks and ports of this machine."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from phiforge.base.settings import Settings
from phiforge_client.doctor.finding import Finding, failure, good, warning
from phiforge_client.processes import free_ports

_LITTLE_BYTES, _TOO_LITTLE_BYTES = 5 * 2**30, 2**29
_PORTS = 8


def home(settings: Settings) -> Iterator[Finding]:
    """Look at the home: where it is, how it was found, and whether it can be written."""
    place = settings.home.resolve()
    found, there = f"{place} ({settings.home_found})", nearest_there(place)
    if not os.access(there, os.W_OK):
        yield failure(
            "home", f"{found}: {there} cannot be written", "name another by PHIFORGE_HOME, or mend its rights"
        )
    elif there != place:
        yield good("home", f"{found}, not there yet; `phiforge up` makes it")
    else:
        yield good("home", found)


def disk(settings: Settings) -> Iterator[Finding]:
    """Look at the room in the home and for temporary files."""
    for name, place in {"disk": settings.home.resolve(), "temporary files": Path(tempfile.gettempdir())}.items():
        free = shutil.disk_usage(nearest_there(place)).free
        found, do = (
            f"{free / 2**30:.1f} GiB free at {place}",
            "make room; `phiforge rm` and `phiforge data remove` help",
        )
        if free < _TOO_LITTLE_BYTES:
            yield failure(name, found, do)
        elif free < _LITTLE_BYTES:
            yield warning(name, found, do)
        else:
            yield good(name, found)


def ports(settings: Settings) -> Iterator[Finding]:
    """Look for free ports of the loopback, and whether the one that the settings name is free."""
    free = free_ports(_PORTS)
    wanted = settings.metrics_port
    if wanted and not _is_free(settings.metrics_host, wanted):
        yield failure(
            "ports", f"PHIFORGE_METRICS_PORT {wanted} is taken", "stop what listens there, or name another: 0 picks one"
        )
    else:
        yield good("ports", f"{len(free)} of {_PORTS} asked for are free" + f", and {wanted}" * bool(wanted))


def data(settings: Settings) -> Iterator[Finding]:
    """Look whether the data that the settings name is there."""
    for name in ("omniglot", "images", "features"):
        place: Path | None = getattr(settings, name)
        variable = f"PHIFORGE_{name.upper()}"
        if place is not None and not place.exists():
            yield failure("data", f"{variable} is {place}, which is not there", f"correct {variable}, or unset it")
        elif place is not None:
            yield good("data", f"{variable} is {place}")


def nearest_there(place: Path) -> Path:
    """Return ``place`` if it is there, else the nearest folder above it that is."""
    return next(each for each in (place, *place.parents) if os.path.lexists(each))


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError:
            return False
    return True
