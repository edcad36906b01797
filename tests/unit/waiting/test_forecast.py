"""Roughly when a run's turn comes, and what is said of it."""

from phiforge.runs.waiting.entry import Entry
from phiforge.runs.waiting.line import Waiting, Where
from phiforge_client.forecast import Span, forecast
from phiforge_client.run_view import RunView
from phiforge_client.waiting_view import turns, view_of_turn


def entry(run: str, versions: int, place: int = 0) -> Entry:
    return Entry(0, place, run, 1500, versions, 10, ())


def active(left: float | None, rate: float) -> RunView:
    return RunView("active", "running", 1, 9, rate, None, None, 0.0, "validation", left, 0.0)


def test_each_takes_the_place_that_is_free_first():
    # Given two active runs of ten tasks a second, which end in 20 and in 50 seconds, and three that wait
    spans = forecast([active(20, 10), active(50, 10)], [entry("a", 40), entry("b", 5), entry("c", 5)])
    # I expect the first in the place that is free first, and each of the others in that which is then.
    assert spans == [Span(20, 60), Span(50, 55), Span(55, 60)]


def test_nobody_can_say_before_a_run_has_moved():
    assert forecast([active(None, 0.0)], [entry("a", 1)]) == [Span(None, None)]
    assert forecast([], [entry("a", 1)]) == [Span(None, None)]


def test_what_is_said_of_a_run_that_waits():
    # Given entries as the queue lists them, one of them twice since a move broke off
    listed = [
        Waiting(entry("after", 1), Where.AFTER, "first"),
        Waiting(entry("held", 1), Where.HELD),
        Waiting(entry("first", 1), Where.READY),
        Waiting(entry("held", 1), Where.READY),
        Waiting(entry("second", 7), Where.READY),
    ]
    # I expect each to say what it waits for, and how many are before it.
    said = {run: turn.words for run, turn in turns(listed).items()}
    assert said == {
        "after": "queued, after first",
        "held": "queued, held",
        "first": "queued, next",
        "second": "queued, 1 ahead",
    }
    view = view_of_turn(turns(listed)["second"])
    assert (view.status, view.version, view.versions, view.created_at, view.over) == (
        "queued, 1 ahead",
        None,
        7,
        1.5,
        False,
    )
