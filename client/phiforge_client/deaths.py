"""How a program ended, in one line: for whoever starts it again, and for whoever reads why it was."""

import signal
from pathlib import Path

_LINES, _CHARACTERS, _TAIL_BYTES = 3, 300, 4000


def cause(exit_code: int | None) -> str:
    """Return which signal ended a program, or its exit code; ``exit_code`` negates a signal's number."""
    if exit_code is None or exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"signal {-exit_code}"


def last_words(log: Path) -> str:
    """Return the last lines of a log as one; nothing if there are none."""
    try:
        tail = log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace")
    except OSError:
        return ""
    lines = [" ".join(line.split()) for line in tail.splitlines() if line.strip()]
    return " | ".join(lines[-_LINES:])[-_CHARACTERS:]


def reason(exit_code: int | None, log: Path) -> str:
    """Return why a program that writes to ``log`` ended, as far as anybody can tell."""
    words = last_words(log)
    return cause(exit_code) + (f"; {log} ends: {words}" if words else "")
