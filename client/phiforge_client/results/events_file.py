"""A file of TensorBoard's events that only grows, as who has it open reads on from where they were."""

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

_LENGTH = struct.Struct("<Q")
_BEFORE, _AFTER = 12, 4
"""Bytes around each record: its length and the checksum of that; its own checksum."""


def read_events(file: Path) -> list[Any]:
    """Return the whole events of a file, none if it is not there; what a writer that died left half is cut off."""
    from tensorboardX.proto.event_pb2 import Event

    if not file.exists():
        return []
    content = file.read_bytes()
    spans = list(_spans(content))
    whole = spans[-1][1] + _AFTER if spans else 0
    if whole < len(content):
        with file.open("r+b") as torn:
            torn.truncate(whole)
    return [Event.FromString(content[begin:end]) for begin, end in spans]


def append_events(file: Path, events: Iterable[Any]) -> None:
    """Add events at the end of a file, which is made if it is not there."""
    from tensorboardX.record_writer import RecordWriter

    aside = file.with_name(".phiforge.more")
    writer = RecordWriter(str(aside))
    for event in events:
        writer.write(event.SerializeToString())
    writer.close()
    with file.open("ab") as grown:
        grown.write(aside.read_bytes())
    aside.unlink()


def _spans(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each whole record begins and ends, without what is around it."""
    begin = _BEFORE
    while begin <= len(content):
        end = begin + _LENGTH.unpack_from(content, begin - _BEFORE)[0]
        if end + _AFTER > len(content):
            return
        yield begin, end
        begin = end + _AFTER + _BEFORE
