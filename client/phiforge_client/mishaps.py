"""What a person is told when a command cannot go on for a reason outside of it: one sentence, never a traceback."""

import codecs
import os
import sys
from contextlib import suppress
from io import TextIOWrapper

import redis
from rich.console import Console
from rich.markup import escape

from phiforge.base.errors import PhiforgeError

_SPELLED = "phiforge.spelled"
_SPELLINGS = {"φ": "phi", "–": "-", "±": "+-", "…": "...", "→": "->", "₀": "0", "ⁿ": "n"}

_BROKEN_OFF = 130
"""The exit code of a command that Ctrl-C ended."""

_OURS = (PhiforgeError, OSError, redis.RedisError, MemoryError, KeyboardInterrupt, EOFError)
_LIBRARIES = ("amqp", "kombu", "minio", "urllib3")
"""Whose errors are those of a server; they are not imported for that."""


def is_mishap(error: BaseException) -> bool:
    """Say whether an error is no mistake of the code: only those are worth a traceback."""
    return isinstance(error, _OURS) or type(error).__module__.partition(".")[0] in _LIBRARIES


def make_output_safe() -> None:
    """Let what an encoding cannot say be written another way: a command must not end for its figures' φ."""
    codecs.register_error(_SPELLED, _spelled)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=_SPELLED)


def _spelled(error: UnicodeError) -> tuple[str, int]:
    """Spell the letters that an encoding lacks with such as all have."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_SPELLINGS.get(letter, "?") for letter in lacking), error.end


def speaks_unicode() -> bool:
    """Say whether the output can spell any letter."""
    return (getattr(sys.stdout, "encoding", "") or "").lower().replace("-", "").startswith("utf")


def report_mishap(error: BaseException) -> int:
    """Tell the user what was in the way, if that can still be written, and return the exit code."""
    if isinstance(error, KeyboardInterrupt):
        return _BROKEN_OFF
    if not isinstance(error, BrokenPipeError):  # whoever read has gone, and knows
        with suppress(OSError):
            Console(stderr=True).print(
                f"[bold red]error:[/bold red] {escape(_sentence(error))}", highlight=False, soft_wrap=True
            )
    return 1


def finish_output(report: bool = True) -> int:
    """Write what is still to be written; if that cannot be, return 1 and, to ``report`` it, say so; else return 0."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        _drop_output()
        return report_mishap(error) if report else 1
    return 0


def _drop_output() -> None:
    """Let Python not try again at its end, which it would answer with an error of its own."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _sentence(error: BaseException) -> str:
    if isinstance(error, redis.TimeoutError):
        return (
            f"Redis does not answer in time ({error}): see whether it is busy or stopped, then type the command again"
        )
    if isinstance(error, redis.ConnectionError):
        return f"cannot reach Redis ({error}): start the embedded stack with `phiforge up`, or check PHIFORGE_REDIS_URL"
    if isinstance(error, redis.RedisError):
        return f"Redis refused ({error}): check its memory, and the rights of PHIFORGE_REDIS_USER"
    if isinstance(error, OSError):
        where = f" {os.fsdecode(error.filename)!r}" if isinstance(error.filename, str | bytes) else " the output"
        return f"cannot use{where[:200]}: {error.strerror or error}; check its rights, and that there is room"
    if isinstance(error, MemoryError):
        return "there is not enough memory; give less at a time, such as a smaller outer.job_size"
    if isinstance(error, PhiforgeError):
        return str(error)
    return f"a server does not answer as it should ({type(error).__name__}: {' '.join(str(error).split())})"
