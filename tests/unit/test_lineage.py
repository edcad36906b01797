"""The commit log's entries: what is written down, what is compared, and what is not taken for whole."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiforge.base.errors import FormatError
from phiforge.runs.commit_log import Difference, Lineage, Origin, differences, is_whole, log_entry, reproducible
from phiforge.runs.retention import dispensable_checkpoints
from phiforge.spec.run import RunSpec
from phiforge.tasks.datasets.bases.dataset import Catalogue, SourceClass, TaskClass
from phiforge.tasks.pool import table_of
from phiforge.tasks.sampling import draw


def lineage_of(version, **changes):
    plain = {
        "version": version,
        "spec_hash": "spec",
        "phi_hash_before": f"phi{version - 1}",
        "phi_hash": f"phi{version}",
        "optimizer_hash": f"optimizer{version}",
        "jobs": [(f"episodes{job}", f"contribution{job}") for job in range(3)],
        "scores": {"loss": 0.1 * version, "accuracy": 0.5},
    }
    return Lineage(**plain | changes)


def origins_of(worker="somebody", seconds=0.25):
    return [Origin(f"contribution{job}", f"episodes{job}", worker, seconds + job) for job in range(3)]


def line_of(version, **changes):
    return log_entry(lineage_of(version, **changes), origins_of(), "committer", 1.5)


def test_what_is_written_down():
    # Given what a version was made of, I expect all of it in the entry, what was only observed apart.
    entry = json.loads(line_of(4))
    digest = entry.pop("digest")
    assert entry == {
        "version": 4,
        "spec_hash": "spec",
        "phi_hash_before": "phi3",
        "phi_hash": "phi4",
        "optimizer_hash": "optimizer4",
        "jobs": [{"episodes": f"episodes{job}", "contribution": f"contribution{job}"} for job in range(3)],
        "loss": 0.4,
        "accuracy": 0.5,
        "observed": {
            "committed_by": "committer",
            "committed_at": 1.5,
            "jobs": [{"worker": "somebody", "compute_seconds": 0.25 + job} for job in range(3)],
        },
    }
    assert len(digest) == 64


def test_scores_have_names():
    # Given scores beside loss and accuracy, I expect these to stand by themselves, as ever, and the others together.
    entry = json.loads(line_of(4, scores={"loss": 0.25, "accuracy": 0.5, "depth": 3.0}))
    assert (entry["loss"], entry["accuracy"], entry["scores"]) == (0.25, 0.5, {"depth": 3.0})
    assert "scores" not in json.loads(line_of(4))


def test_entries_are_compared_without_who_and_when():
    # Given the same step taken by others, I expect equal entries but for what was observed.
    first = json.loads(line_of(4))
    second = json.loads(log_entry(lineage_of(4), origins_of("another", 7.0), "another", 99.0))
    assert first != second
    assert reproducible(first) == reproducible(second)
    assert differences(first, reproducible(second)) == []


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"spec_hash": "other"}, [(None, "spec_hash")]),
        ({"scores": {"loss": 0.25, "accuracy": 0.5}}, [(None, "loss")]),
        ({"scores": {"loss": 0.4, "accuracy": 0.5, "depth": 3.0}}, [(None, "scores")]),
        ({"phi_hash": "other", "optimizer_hash": "other"}, [(None, "optimizer_hash"), (None, "phi_hash")]),
        (
            {"jobs": [("episodes0", "contribution0"), ("other", "other"), ("episodes2", "contribution2")]},
            [(1, "episodes"), (1, "contribution")],
        ),
        (
            {"jobs": [("episodes0", "contribution0")]},
            [(1, "episodes"), (1, "contribution"), (2, "episodes"), (2, "contribution")],
        ),
    ],
)
def test_where_two_entries_differ(changes, found):
    # Given an entry and the same step computed to something else, I expect every place, jobs before what they lead to.
    logged, computed = json.loads(line_of(4)), lineage_of(4, **changes).entry()
    assert [(each.job, each.what) for each in differences(logged, computed)] == found
    assert {each.version for each in differences(logged, computed)} == {4}


def test_an_entry_that_is_not_there_differs():
    # Given a version that was never logged, I expect it to differ, with what was computed.
    assert Difference(4, None, "phi_hash", "nothing", "phi4") in differences({}, lineage_of(4).entry())


def segment_of(first, last):
    return {version: line_of(version) for version in range(first, last + 1)}


def test_a_whole_segment():
    # Given the entries since a checkpoint, I expect them to be whole if they lead to the head's φ,
    assert is_whole(segment_of(4, 6), after=3, upto=6, phi_hash="phi6")
    # and not to be if one is missing, or they lead elsewhere, or do not follow from each other.
    assert not is_whole(segment_of(4, 6), after=2, upto=6, phi_hash="phi6")
    assert not is_whole(segment_of(4, 6), after=3, upto=7, phi_hash="phi7")
    assert not is_whole(segment_of(4, 6), after=3, upto=6, phi_hash="another")
    assert not is_whole({}, after=3, upto=6, phi_hash="phi6")
    assert not is_whole(segment_of(4, 6) | {5: line_of(5, phi_hash_before="another")}, 3, 6, "phi6")


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_segment_with_one_changed_byte(place, mask):
    # Given an entry with any byte of what was computed changed, I expect it not to be taken for whole.
    entries = segment_of(4, 6)
    line = json.dumps(reproducible(json.loads(entries[5])), sort_keys=True, separators=(",", ":")).encode()
    assert is_whole(entries | {5: line}, 3, 6, "phi6")
    place %= len(line)
    changed = line[:place] + bytes([line[place] ^ mask]) + line[place + 1 :]
    if reproducible_of(changed) != reproducible_of(line):
        assert not is_whole(entries | {5: changed}, 3, 6, "phi6")


def reproducible_of(line):
    """Return what an entry says, spelled in one way: a change of its spelling alone is none."""
    try:
        return reproducible(json.loads(line))
    except (ValueError, AttributeError):
        return None


@pytest.mark.parametrize("line", [b"", b"[]", b"3", b"null", b"{}", b"\xff", b'{"version": 5}'])
def test_what_is_no_entry(line):
    # Given anything else in an entry's place, I expect it not to be taken for whole.
    assert not is_whole(segment_of(4, 6) | {5: line}, 3, 6, "phi6")


@given(st.text(max_size=20), st.floats(0, 1e6))
def test_origins_round_trip(worker, seconds):
    # Given any origin, I expect it back.
    origin = Origin("a" * 64, "b" * 64, worker, seconds)
    assert Origin.from_bytes(origin.to_bytes()) == origin


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"3", b"\xff", b'{"worker": "somebody"}', b'{"else": 1}'])
def test_what_is_no_origin(data):
    # Given anything else, I expect it to be refused.
    with pytest.raises(FormatError, match="not the origin of a contribution"):
        Origin.from_bytes(data)


@pytest.mark.parametrize(
    ("there", "first", "keep", "gone"),
    [
        ([0, 10, 20, 30, 40, 50, 60], 0, 1, [10, 20, 40, 50]),
        ([0, 10, 20, 30, 40, 50, 60], 0, 3, [10, 20]),
        ([0, 10, 20], 0, 5, []),
        ([15, 20, 30, 35], 15, 1, [20]),
        ([0], 0, 1, []),
    ],
)
def test_checkpoints_that_may_go(there, first, keep, gone):
    # Given validations every 30 versions, I expect the first, the validated and the newest to be kept.
    spec = RunSpec.model_validate({"outer": {"versions": 100}, "evaluation": {"every": 30}})
    assert dispensable_checkpoints(there, first, spec, keep) == gone


def test_origins_without_images():
    # Given a catalogue, I expect the first drawings of a class to be its support, none to be there twice, in its range.
    classes = tuple(SourceClass(f"class{number}", 10 * number, 10) for number in range(6))
    catalogue = Catalogue(classes, {"train": tuple(TaskClass(number, 0) for number in range(6))})
    task = RunSpec().task
    origins = draw(table_of(catalogue, "train"), task, 3, 0, "train", 0, 0).origin
    assert origins.shape == (3, task.n_way, task.drawings, 2)
    for episode in origins:
        assert len({int(image) for image in episode[..., 0].ravel()}) == task.n_way * task.drawings
        assert all(len(set(row[:, 0] // 10)) == 1 for row in episode)
