"""What whoever submits a run asks of the queue: facts about when it runs, never about what it computes."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self

from phiforge.base.errors import QueueError

Labels = tuple[tuple[str, str], ...]
"""Name and value of each label of a run, in order of name."""

LOWEST, HIGHEST = -999, 999
"""The priorities there are."""

LONGEST_LABELS = 100
"""Letters of all labels of a run together, as ``name=value`` joined by a dot: they are part of a key in storage."""

_LABEL = re.compile(r"[a-z][a-z0-9_-]*=[A-Za-z0-9_-]+")
_NAME = re.compile(r"[a-z][a-z0-9_-]*")


class Wish(NamedTuple):
    """How a run is to be queued.

    ``priority``: runs of a higher one come first. ``labels``: what the run belongs to. ``after``: ids of runs that must
    be over before. ``hold``: whether it waits until it is resumed; that alone is not recorded with the run.
    """

    priority: int = 0
    labels: Labels = ()
    after: tuple[str, ...] = ()
    hold: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return what is recorded of it beside the spec: nothing of a wish that asks for nothing."""
        fields = {"priority": self.priority, "labels": dict(self.labels), "after": list(self.after)}
        return {name: value for name, value in fields.items() if value}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Return what ``to_json`` gave; raises what Python does for anything else."""
        labels = dict(fields.get("labels", {}))
        after = tuple(str(run) for run in fields.get("after", ()))
        return cls(int(fields.get("priority", 0)), tuple(sorted(labels.items())), after)


def check_priority(priority: int) -> int:
    """Return ``priority``; raises QueueError unless it is one."""
    if not LOWEST <= priority <= HIGHEST:
        raise QueueError(f"the priority is {priority}; allowed: {LOWEST} to {HIGHEST}, and higher ones come first")
    return priority


def read_labels(given: Iterable[str]) -> Labels:
    """Return the labels that texts like ``exp=a`` are; raises QueueError for others, and for too many letters."""
    labels: dict[str, str] = {}
    for text in given:
        if not _LABEL.fullmatch(text):
            raise QueueError(
                f"{text[:LONGEST_LABELS]!r} is no label; a label is NAME=VALUE such as exp=a, the name of a-z, 0-9, "
                "'_' and '-' from a letter on, the value of letters, digits, '_' and '-'"
            )
        name, _, value = text.partition("=")
        if labels.setdefault(name, value) != value:
            raise QueueError(f"the label {name!r} is given as {labels[name]!r} and as {value!r}; allowed: one value")
    found = tuple(sorted(labels.items()))
    if (length := len(spelled(found))) > LONGEST_LABELS:
        raise QueueError(f"the labels have {length} letters together; allowed: {LONGEST_LABELS}")
    return found


def check_label_name(name: str) -> str:
    """Return ``name``; raises QueueError unless it can be the name of a label."""
    if not _NAME.fullmatch(name) or len(name) > LONGEST_LABELS:
        raise QueueError(f"{name[:LONGEST_LABELS]!r} is no name of a label, which is of a-z, 0-9, '_' and '-'")
    return name


def spelled(labels: Labels) -> str:
    """Return labels as one word of letters that a key of the storage may have."""
    return ".".join(f"{name}={value}" for name, value in labels)
