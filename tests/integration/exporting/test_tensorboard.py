"""Runs' records as TensorBoard reads them: once, half-way, again and again, and as a run goes on."""

import threading
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from phiforge.base.errors import ServiceError, StoreError
from phiforge.fleet.platform import Platform
from phiforge_client.results.exporting import followed
from phiforge_client.results.findings import findings
from phiforge_client.results.tensorboard import write_events
from phiforge_client.submission import submit
from tests.fleet import small_spec, wait_for_end
from tests.integration.exporting.conftest import Phiforge

pytestmark = pytest.mark.services


def read(folder: Path) -> EventAccumulator:
    """Return what TensorBoard reads of a folder, all of it."""
    found = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    return found.Reload()


def scalars(found: EventAccumulator, tag: str) -> dict[int, float]:
    points = found.Scalars(tag)
    assert len({point.step for point in points}) == len(points)
    return {point.step: point.value for point in points}


def test_tensorboard_reads_what_the_record_says(phiforge: Phiforge, platform: Platform, run: str) -> None:
    # Given a complete run, if it is exported
    result = phiforge("export-metrics", run, "--out", "board")
    assert result.exit_code == 0, result.output
    known, found = findings(platform, run), read(Path("board") / run)
    # I expect the scores of each version in training and on validation tasks, how many tasks it was learned from,
    for tag, points in (("training", known.training), ("validation", known.validation)):
        for score in ("loss", "accuracy"):
            expected = {point.scores["version"]: point.scores[score] for point in points}
            assert scalars(found, f"{tag}/{score}") == pytest.approx(expected)
        tasks = {point.scores["version"]: point.tasks for point in points}
        assert scalars(found, f"{tag}/tasks") == tasks
    # those of the test at the version that they are of, times that go forward, and the spec.
    assert known.test
    assert scalars(found, "test/accuracy") == pytest.approx({known.test["version"]: known.test["accuracy"]})
    times = [point.wall_time for point in found.Scalars("training/loss")]
    assert times == sorted(times)
    [spec] = found.Tensors("spec/text_summary")
    assert b"k_shot" in spec.tensor_proto.string_val[0]


def test_again_is_the_same(platform: Platform, run: str, tmp_path: Path) -> None:
    # Given a run that was exported, if it is exported again, I expect one file, as long, of the same points.
    known = findings(platform, run)
    first = write_events(known, tmp_path)
    size, before = first.stat().st_size, scalars(read(first.parent), "training/loss")
    assert write_events(known, tmp_path) == first
    assert (first.stat().st_size, scalars(read(first.parent), "training/loss")) == (size, before)
    assert list(first.parent.glob("*tfevents*")) == [first]


def test_a_run_that_went_on_is_read_on(platform: Platform, run: str, tmp_path: Path) -> None:
    # Given a run of which half was exported, and a TensorBoard that has read that
    whole = findings(platform, run)
    half = whole._replace(
        training=[point for point in whole.training if point.scores["version"] <= 10],
        validation=[point for point in whole.validation if point.scores["version"] <= 10],
        test=None,
    )
    file = write_events(half, tmp_path)
    open_board = read(file.parent)
    assert max(scalars(open_board, "training/loss")) == 10
    # If it is exported when it is whole, I expect each point to be there once.
    write_events(whole, tmp_path)
    open_board.Reload()
    assert list(scalars(open_board, "training/loss")) == list(range(1, 21))
    assert list(scalars(open_board, "validation/accuracy")) == [0, 10, 20]


def test_what_a_writer_left_half_is_written_again(platform: Platform, run: str, tmp_path: Path) -> None:
    # Given a file whose writer died in the middle of an event, if the run is exported again
    known = findings(platform, run)
    file = write_events(known, tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[:-7])
    write_events(known, tmp_path)
    # I expect the file to be whole.
    assert file.read_bytes() == whole


def test_validation_that_comes_late_is_read_too(platform: Platform, run: str, tmp_path: Path) -> None:
    # Given a run whose versions were validated some time after they were made, and a TensorBoard that is open
    whole = findings(platform, run)
    file = write_events(whole._replace(validation=whole.validation[:1], report=None, test=None), tmp_path)
    before, open_board = file.read_bytes(), read(file.parent)
    # If it is exported when all was validated, I expect the file to begin as it did, and each point to be there once.
    write_events(whole, tmp_path)
    assert file.read_bytes().startswith(before)
    open_board.Reload()
    assert list(scalars(open_board, "training/loss")) == list(range(1, 21))
    assert list(scalars(open_board, "validation/accuracy")) == [0, 10, 20]


def test_a_run_is_followed_to_its_end(platform: Platform, tmp_path: Path) -> None:
    # Given a run that has only begun, if it is followed
    going = submit(platform, small_spec(seed=1))
    files: list[Path] = []

    def follow() -> None:
        files.extend(followed(platform, [going], write_events, tmp_path, seconds=0.2).values())

    follower = threading.Thread(target=follow)
    follower.start()
    assert wait_for_end(platform, going) == "complete"
    follower.join(timeout=30)
    # I expect the following to end with it, with all of it in the file.
    assert not follower.is_alive()
    [file] = files
    found = read(file.parent)
    assert list(scalars(found, "training/loss")) == list(range(1, 21))
    assert "test/accuracy" in found.Tags()["scalars"]


def test_what_stands_in_the_way(phiforge: Phiforge, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a folder that is a file, or no package that writes, I expect one sentence with what to do.
    Path("board").write_text("no folder")
    with pytest.raises(StoreError, match=r"cannot be written: Not a directory; --out names another folder"):
        phiforge("export-metrics", run, "--out", "board")
    monkeypatch.setattr("phiforge_client.extras.find_spec", lambda package: None)
    with pytest.raises(ServiceError, match=r"tensorboardX: pip install 'phiforge\[export\]'"):
        phiforge("export-metrics", run)
