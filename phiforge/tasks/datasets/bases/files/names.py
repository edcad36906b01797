"""Which names files of a dataset may have, and which files are only what systems leave behind."""

import unicodedata
from pathlib import PurePosixPath

ALLOWED = "allowed are CLASS/PICTURE, relative, without .., and without control characters"

_GARBLING = ("Cc", "Cs", "Zl", "Zp")
"""Categories of characters that move the cursor, end the line or are no text at all."""
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that let what follows them be read backwards."""
_FILES = ("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r")
_FOLDERS = (
    *("__macosx", "temporary items", "network trash folder"),
    *("$recycle.bin", "system volume information", "lost+found"),
    *("@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@tmp"),
)
"""Of macOS; of Windows and Linux; of the disks in a network that Synology and QNAP make."""
_STREAM = ":zone.identifier"
"""How Windows marks downloads; copies elsewhere keep it as a file."""


def is_allowed(name: str) -> bool:
    """Say whether a relative path stays in its tree and can be printed; spaces, emoji and joiners of any kind may be.

    Args:
        name: parts joined by ``/``.
    """
    parts = name.split("/")
    leads_away = PurePosixPath(name).is_absolute() or not {"..", ".", ""}.isdisjoint(parts)
    return not leads_away and "\\" not in name and not _is_drive(parts[0]) and not any(map(_garbles, name))


def is_leftover(name: str) -> bool:
    """Say whether a path is hidden, or what macOS, Windows, Linux or a NAS leave behind in folders and archives.

    Args:
        name: parts joined by ``/``.
    """
    parts = name.lower().split("/")
    hidden = any(part.startswith(".") and part not in (".", "..") for part in parts)
    return hidden or parts[-1] in _FILES or parts[-1].endswith(_STREAM) or not set(_FOLDERS).isdisjoint(parts)


def one_form(name: str) -> str:
    """Return the composed form of a name: macOS writes an accent apart from its letter, others do not."""
    return unicodedata.normalize("NFC", name)


def _is_drive(part: str) -> bool:
    return part[1:2] == ":" and part[0].isascii() and part[0].isalpha()


def _garbles(character: str) -> bool:
    return unicodedata.category(character) in _GARBLING or character in _REORDERING
