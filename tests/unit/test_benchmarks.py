"""The benchmarks' own machinery: one that fails stops no other, pages are whole, straightness is a figure."""

import math
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import NAMES, command_of, run_all
from benchmarks.curves.axes import AXES, points
from benchmarks.curves.fit import fitted
from benchmarks.homework import minutes_to
from benchmarks.omniglot import SPECS, shortened
from benchmarks.operations import Shape, operations
from benchmarks.page import publish, spread, table
from phiforge.spec.read import parse_spec, read_spec
from phiforge_client.results.findings import Point

ROOT = Path(__file__).parents[2]
QUICK_SECONDS = 120


def tables(text: str) -> list[list[list[str]]]:
    """Return every table of a page as rows of cells, the rule under its head left out."""
    blocks, rows = [], []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
        elif rows:
            blocks.append([rows[0], *rows[2:]])
            rows = []
    return blocks


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a quick run of the curves."""
    output = tmp_path_factory.mktemp("curves") / "results" / "curves.md"
    command = [sys.executable, "-m", "benchmarks.curves", "--quick", "--engine", "torch", "--output", str(output)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=QUICK_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return output


def test_a_quick_run_of_the_curves_measures_every_point(page: Path):
    # Given the page of a quick run
    summary, *details = tables(page.read_text())

    # I expect a curve of each learner on each axis, with figures
    assert len(summary) - 1 == sum(len(axis.learners) for axis in AXES)
    assert all(math.isfinite(float(cell)) for row in summary[1:] for cell in row[2:])
    # and of each axis both its tables, as wide in each row as their head, with every point in order.
    assert len(details) == 2 * len(AXES)
    for place, found in enumerate(details):
        axis = AXES[place // 2]
        assert {len(row) for row in found} == {len(found[0])}
        wanted = [f"{point.learner}, {point.value}" for point in points(axis, quick=True)]
        assert [row[0] for row in found[1:]] == wanted


def test_a_quick_run_of_the_curves_costs_more_where_there_is_more_to_do(page: Path):
    # Given the tables of bytes, I expect all of a job to grow with its tasks, and φ with its channels alone.
    held = {axis.name: found for axis, found in zip(AXES, tables(page.read_text())[2::2], strict=True)}

    def column(axis: str, name: str) -> list[float]:
        head, *rows = held[axis]
        return [float(row[head.index(name)].replace(",", "")) for row in rows if row[0].startswith("MAML")]

    few, some, many = column("job_size", "unpacked, kB")
    assert some == pytest.approx(2 * few, rel=0.01)
    assert many == pytest.approx(4 * few, rel=0.01)
    assert len(set(column("job_size", "φ, kB"))) == 1
    assert sorted(set(column("channels", "contribution, kB"))) == column("channels", "contribution, kB")


def test_a_quick_run_of_the_curves_draws_them(page: Path):
    picture = page.with_suffix(".png")
    assert f"({picture.name})" in page.read_text()
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_line_is_straight_and_a_square_is_not():
    # Given costs at work of 1 to 8: a line that starts above zero, and a square
    work = [1.0, 2.0, 4.0, 8.0]
    line, square = (fitted(work, [cost(each) for each in work]) for cost in (lambda x: 3 + 2 * x, lambda x: x * x))

    # I expect the one on the line through its ends everywhere, with less than its exponent; the other far below it.
    assert line.off == pytest.approx([1, 1, 1, 1])
    assert (line.start, line.slope) == pytest.approx((3, 2))
    assert line.exponent < 0.9
    assert square.off == pytest.approx([1, 4 / 10, 16 / 28, 1])
    assert square.worst == pytest.approx(0.4)
    assert square.exponent == pytest.approx(2)


def test_operations_are_counted_as_by_hand():
    # Given one image a set, one filter and a side of 16, so that maps of 16, 8, 4 and 2 are convolved
    first, others = 9 * 256, 9 * (64 + 16 + 4)

    # I expect two operations a product: forward and back for both sets of a comparison,
    assert operations(Shape(1, 1, side=16, channels=1)) == 2 * 2 * (2 * first + 3 * others)
    # and for an inner step of second order those of its derivative too.
    once, second = 2 * first + 3 * others, 2 * first + 6 * others
    assert operations(Shape(1, 1, 2, side=16, channels=1)) == 2 * (once + 2 * (once + second))
    assert operations(Shape(1, 1, 2, second_order=False, side=16, channels=1)) == 2 * 3 * once


def test_a_benchmark_that_fails_stops_no_other(tmp_path: Path):
    # Given three of which the second fails
    marks = [tmp_path / name for name in "abc"]
    scripts = [
        f"import pathlib, sys; pathlib.Path({str(mark)!r}).touch(); sys.exit({mark.name == 'b'})" for mark in marks
    ]
    commands = {mark.name: (sys.executable, "-c", script) for mark, script in zip(marks, scripts, strict=True)}

    # If all are run, I expect all to have run, and the second to be named.
    assert run_all(commands) == ["b"]
    assert all(mark.exists() for mark in marks)


@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_can_be_asked_for_its_page(name: str, tmp_path: Path):
    # Given how a benchmark is run, If it is asked for help instead, I expect it to know what it is asked with.
    command = [str(each) for each in command_of(name, tmp_path)]
    done = subprocess.run([*command, "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--output" in done.stdout


def performance(*options: str) -> "subprocess.CompletedProcess[str]":
    """Compare the compute engine with its peers, in one round."""
    command = [sys.executable, "-m", "benchmarks.performance", "--workloads", "prototypical", "--rounds", "1", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=QUICK_SECONDS, check=False)


@pytest.mark.slow
def test_a_peer_that_cannot_be_installed_is_reported(tmp_path: Path):
    # Given a place where no environment of a peer can be made
    (tmp_path / "file").touch()
    # If peers are compared
    done = performance("--cache", str(tmp_path / "file" / "peers"))
    # I expect their rows to say why there is none, and Phiforge's to be there.
    assert done.returncode == 0, done.stderr
    rows = {row[0]: row[1] for row in tables(done.stdout)[0][1:]}
    assert rows["EasyFSL"].startswith("not measured: ")
    assert "Not a directory" in rows["EasyFSL"]
    assert set(rows) == {"Phiforge, fused", "Phiforge, torch", "EasyFSL"}


def test_a_device_that_is_not_there_is_refused_at_once():
    done = performance("--device", "cuda:77")
    assert done.returncode == 2
    assert "'cuda:77' cannot be used here" in done.stderr


def test_a_name_that_is_no_benchmark_is_refused():
    command = [sys.executable, "-m", "benchmarks", "curved"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is no curved" in done.stderr


def test_a_page_is_written_where_there_was_no_folder(tmp_path: Path):
    output = tmp_path / "new" / "page.md"
    publish(["# A page", "", *table(("a", "b"), [("1", "2")])], output)
    assert output.read_text() == "# A page\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"


def test_a_row_as_wide_as_no_head_is_refused():
    with pytest.raises(ValueError, match="a row of 1 cells under 2 columns"):
        list(table(("a", "b"), [("1",)]))


def test_a_spread_is_the_median_and_the_ends():
    assert spread([3.0, 1.0, 2.0], "x") == "2x (1 to 3)"


def test_a_mark_is_reached_at_the_first_version_that_comes_to_it():
    validation = [Point(32 * n, float(n), {"accuracy": accuracy}) for n, accuracy in enumerate([0.2, 0.7, 0.6, 0.9])]
    assert [minutes_to(mark, validation) for mark in (0.7, 0.8, 0.95)] == ["1.0", "3.0", "not in this run"]


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_shipped_spec_keeps_its_training_tasks_and_meta_batch(path: Path):
    # Given a spec as it is shipped, if a run of 2,000 tasks is made of it
    raw, found = read_spec(path), shortened(read_spec(path), 2000)
    spec, shipped = parse_spec(found), parse_spec(raw)
    # I expect so many, of its own kind and in its own meta-batches, judged at even steps on what it is judged on.
    tasks = spec.outer.versions * spec.outer.meta_batch
    assert 2000 - spec.outer.meta_batch < tasks <= 2000 or not shipped.outer.versions
    assert (spec.task, spec.learner, spec.estimator) == (shipped.task, shipped.learner, shipped.estimator)
    assert spec.outer == shipped.outer.model_copy(update={"versions": spec.outer.versions})
    assert spec.evaluation_task == shipped.evaluation_task
    assert spec.outer.versions - 4 * spec.evaluation.every < 4 or not shipped.outer.versions
