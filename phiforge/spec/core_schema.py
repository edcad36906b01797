"""What a plain word of YAML means: the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2, 10.3), which is people's.

``010`` is ten and ``0o10`` eight. ``5e3`` is a number. ``yes``, ``no``, ``on``, ``off``, ``1:30``, ``2026-01-01`` are
text. YAML 1.1, which PyYAML reads by itself, has other ideas.
"""

import re

_TAG = "tag:yaml.org,2002:"
BOOL, FLOAT, INT, MERGE, NULL = (f"{_TAG}{kind}" for kind in ("bool", "float", "int", "merge", "null"))
ODD = f"{_TAG}odd-number"
"""What looks like a number and may be meant otherwise: it is refused."""

TRUTHS = {"true": True, "false": False}

_INT = r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
_FLOAT = r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
_NOT_FINITE = r"[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN"
_UNDERSCORED = r"[-+]?\.?[0-9][0-9.]*(_+[0-9.]+)+([eE][-+]?[0-9_]+)?|0[xo][0-9a-fA-F_]*_[0-9a-fA-F]+"

RESOLVERS = (
    (NULL, r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    (BOOL, r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    (INT, _INT, list("-+0123456789")),
    (FLOAT, _FLOAT, list("-+.0123456789")),
    (ODD, f"{_NOT_FINITE}|{_UNDERSCORED}", list("-+.0123456789")),
    (MERGE, r"<<", ["<"]),
)
"""For each tag, what is read so, and which letters that can start with. Merges are older than the core schema."""


def whole_number(text: str) -> int:
    """Return the number that ``text`` is; raises ValueError if it is none."""
    if not re.fullmatch(_INT, text):
        raise ValueError(f"{text!r} is no whole number; allowed are such as 10, 0o12 and 0xa")
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def number(text: str) -> float:
    """Return the number that ``text`` is; raises ValueError if it is none, or not finite."""
    if not re.fullmatch(_FLOAT, text):
        raise ValueError(odd_number(text))
    return float(text)


def truth(text: str) -> bool:
    """Return the truth value that ``text`` is; raises ValueError if it is none."""
    if text.lower() not in TRUTHS:
        raise ValueError(f"{text!r} is no truth value; allowed are true and false")
    return TRUTHS[text.lower()]


def odd_number(text: str) -> str:
    """Return why ``text`` is not read as a number, and what to write."""
    if "_" in text:
        return f"{text} has '_' in it, which numbers have not here; write {text.replace('_', '')}, or '{text}' for text"
    return f"{text} is no finite number; allowed are such as 10, 0.5 and 3e-4"
