"""What `phiforge data inspect` says of a file of vectors, by itself: no server is asked."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from phiforge_client.cli import app


def inspected(place: Path, *options: str) -> Any:
    return CliRunner().invoke(app, ["data", "inspect", str(place), *options])


def file_of(folder: Path, classes: int, each: int, dimensions: int = 6, **more: Any) -> Path:
    """Write vectors of some classes."""
    place = folder / "words.npz"
    features = np.random.default_rng(0).standard_normal((classes * each, dimensions)).astype(np.float32)
    np.savez(place, features=features, labels=np.repeat(np.arange(classes), each), **more)
    return place


def test_vectors_that_carry_no_task(tmp_path: Path) -> None:
    # Given classes of which a split gets a single one, I expect to be told that no spec can be suggested, and why.
    said = inspected(file_of(tmp_path, classes=5, each=4))
    assert said.exit_code == 0
    assert "they carry no task: each split needs 2 classes or more, of 2 vectors or more each" in said.output
    # With as many classes as the sentence asks for, I expect a spec.
    assert "give 6 classes or more" in said.output
    assert "n_way: 2" in inspected(file_of(tmp_path, classes=6, each=4)).output


@pytest.mark.parametrize("option", ["--sheet", "--labels", "--group-by"])
def test_options_of_pictures(tmp_path: Path, option: str) -> None:
    # Given vectors, if something is asked for that pictures alone have, I expect a refusal, and nothing ignored.
    said = inspected(file_of(tmp_path, classes=6, each=4), option, "a")
    assert said.exit_code == 1
    assert f"holds vectors, and {option} is of pictures alone: leave it out" in str(said.exception)


def test_what_submit_would_refuse_is_a_problem(tmp_path: Path) -> None:
    # Given vectors that are longer than data features may have, I expect the problem, exit code 1 and no spec.
    said = inspected(file_of(tmp_path, classes=6, each=2, dimensions=65_537), "--spec", str(tmp_path / "words.yaml"))
    assert said.exit_code == 1
    assert "problem: data.dimensions: Input should be less than or equal to 65536" in said.output
    assert not (tmp_path / "words.yaml").exists()
