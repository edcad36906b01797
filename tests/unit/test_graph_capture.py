"""Graphs where there is no GPU: what is computed without one, and who gives way when memory is short."""

import pytest
import torch

from phiforge.learning.engines.vmap import graph_capture


@pytest.fixture(autouse=True)
def kept():
    """The graphs of a process, none at first."""
    graph_capture._graphs.clear()
    yield graph_capture._graphs
    graph_capture._graphs.clear()


def test_a_processor_computes_each_time(kept):
    # Given a computation on a processor, twice
    found = [
        graph_capture.captured("key", lambda x: {"sum": x["a"].sum()}, {"a": torch.full((2,), n)}) for n in (1.0, 2.0)
    ]
    # I expect it to be computed, and nothing to be kept.
    assert [each["sum"].item() for each in found] == [2.0, 4.0]
    assert not kept


def refusing(error, times):
    """A maker of graphs that fails so many times, and what it is asked."""
    asked = []

    def make():
        asked.append(dict(graph_capture._graphs))
        if len(asked) <= times:
            raise error
        return "a graph"

    return make, asked


def test_short_of_memory_others_give_theirs_back(kept):
    # Given a graph of another run, and no memory for one more beside it
    kept["other"] = "another graph"
    make, asked = refusing(torch.OutOfMemoryError("out of memory"), 1)
    # I expect the other to go, and this one to be made.
    assert graph_capture._made(make) == "a graph"
    assert asked == [{"other": "another graph"}, {}]


def test_where_memory_is_short_anyway_nothing_is_captured(kept, caplog):
    # Given too little memory for one, I expect none after a second try, with a warning that says why.
    kept["other"] = "another graph"
    make, asked = refusing(torch.OutOfMemoryError("out of memory"), 9)
    assert graph_capture._made(make) is None
    assert len(asked) == 2
    assert "cannot be captured" in caplog.text
    assert "out of memory" in caplog.text


def test_what_cannot_be_captured_leaves_others_alone(kept, caplog):
    # Given a computation that stops the GPU
    kept["other"] = "another graph"
    make, asked = refusing(RuntimeError("operation not permitted when stream is capturing\nmore"), 9)
    # I expect it not to be captured, and the others to stay.
    assert graph_capture._made(make) is None
    assert (len(asked), list(kept)) == (1, ["other"])
    assert caplog.messages == [
        "cannot be captured, so that each chunk takes its launches: operation not permitted when stream is capturing"
    ]
