"""Where local state lies if nobody says it: a project's ``.phiforge``, found from any folder in it, else the user's."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

FOLDER = ".phiforge"


def find_home() -> Path:
    """Return the nearest ``.phiforge`` of this folder and those around it, else the user's, which need not be there.

    Only a folder of this user counts: what another one laid into a shared folder, such as ``/tmp``, is not for us.
    """
    return next(_around(), None) or users_home()


def users_home() -> Path:
    """Return the user's ``~/.phiforge``; that of this folder if nobody knows where the user's is."""
    try:
        return Path.home() / FOLDER
    except RuntimeError:
        return Path(FOLDER).absolute()


def _around() -> Iterator[Path]:
    with suppress(OSError):  # this folder may be gone
        here = Path.cwd()
        yield from (folder / FOLDER for folder in (here, *here.parents) if _is_ours(folder / FOLDER))


def _is_ours(folder: Path) -> bool:
    with suppress(OSError):
        return folder.is_dir() and folder.stat().st_uid == os.getuid()
    return False
