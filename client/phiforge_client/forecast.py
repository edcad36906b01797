"""Roughly when each run's turn comes and until when it goes on, if runs go on as fast as those that are active do."""

import heapq
from collections.abc import Sequence
from typing import NamedTuple

from phiforge.runs.waiting.entry import Entry
from phiforge_client.run_view import RunView


class Span(NamedTuple):
    """Seconds from now; None: nobody can say yet."""

    starts: float | None
    ends: float | None


def forecast(active: Sequence[RunView], waiting: Sequence[Entry]) -> list[Span]:
    """Return when each of ``waiting``, in order of their turns, will be active, each in the place that is free first.

    What other work a task of theirs is, and how long they are judged, is not known: a run counts by its tasks.
    """
    training = [view for view in active if view.tasks_per_second]
    if not training or any(view.seconds_left is None for view in training):
        return [Span(None, None)] * len(waiting)
    rate = sum(view.tasks_per_second for view in training) / len(training)
    free = [view.seconds_left or 0.0 for view in training]
    heapq.heapify(free)
    spans = []
    for entry in waiting:
        starts = free[0]
        spans.append(Span(starts, starts + entry.size / rate))
        heapq.heapreplace(free, starts + entry.size / rate)
    return spans
