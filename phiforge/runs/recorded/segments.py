"""The commit log: a segment at each checkpoint, one JSON line a version."""

import json
import math
from collections.abc import Iterator, Sequence

from phiforge.base.errors import FormatError
from phiforge.runs.commit_log import Entry
from phiforge.runs.keys import key_of, version_of
from phiforge.runs.recorded.written import Written


class Segments(Written):
    """What was committed, version after version."""

    def append_log(self, run: str, version: int, entries: Sequence[bytes]) -> None:
        """Write the commit log's segment that ends at ``version``, one JSON line a version."""
        self.store.put(key_of(run, "log", f"{version:08d}.jsonl"), b"".join(entry + b"\n" for entry in entries))

    def log(self, run: str, after: int = 0, upto: float = math.inf) -> Iterator[Entry]:
        """Yield the commit log's entries of the versions above ``after`` up to ``upto``, in order.

        Raises FormatError where a segment is not what was written.
        """
        for key in self.store.list(key_of(run, "log/")):
            if version_of(key) <= after:
                continue
            for entry in self._segment(key):
                if entry["version"] > upto:
                    return
                if entry["version"] > after:
                    yield entry

    def _segment(self, key: str) -> list[Entry]:
        """Return a segment's entries, of which the last is of the version of its name.

        What they say, and whether one lacks, is for ``verify`` to check, which computes them again.
        """
        entries = [self._entry(key, line) for line in self.store.get(key).splitlines()]
        last = entries[-1]["version"] if entries else None
        if last != version_of(key):
            raise FormatError(f"the commit log's segment {key} is damaged: its last version is {last}")
        return entries

    @staticmethod
    def _entry(key: str, line: bytes) -> Entry:
        try:
            entry = dict(json.loads(line))
            if not isinstance(entry["version"], int):
                raise TypeError(f"version {entry['version']!r}")
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise FormatError(f"the commit log's segment {key} is damaged: {error!r}") from error
        return entry
