"""`phiforge submit` with options for own pictures: they decide the dataset, and are part of the spec."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from phiforge.base.settings import Settings
from phiforge.runs.datasets import prepare
from phiforge.runs.store import LocalStore
from phiforge.spec.read import parse_spec
from phiforge_client import cli
from phiforge_client.commands import runs
from tests.badinput.pictures import classes, picture, write_folder

SPEC = "data: {name: images}\ntask: {n_way: 2, k_shot: 1, n_query: 1}\n"


@pytest.fixture
def submitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, object]]]:
    """Let the command publish the dataset and queue nothing; returns the specs that it was to submit."""
    place = write_folder(tmp_path / "own", classes() | {"class00/[b]x.png": b"text", "class01/again.png": picture(0)})
    specs: list[dict[str, object]] = []

    def submit(platform, raw, report, wish):
        spec = parse_spec(raw)
        prepare(spec.data, Settings(images=place), LocalStore(tmp_path / "store"), report)
        specs.append(raw)
        return "run"

    monkeypatch.setattr("phiforge_client.submission.submit", submit)
    monkeypatch.setattr(runs, "open_platform", lambda: SimpleNamespace(store=LocalStore(tmp_path / "store")))
    monkeypatch.setattr(runs, "expect_redis", lambda platform, otherwise: None)
    (tmp_path / "spec.yaml").write_text(SPEC)
    return specs


def test_options_leave_out_and_say_so(submitted, tmp_path):
    # Given pictures that are broken or stand elsewhere, if both may be left out
    options = ["--skip-unreadable", "--keep-first-of-duplicates"]
    answer = CliRunner().invoke(cli.app, ["submit", str(tmp_path / "spec.yaml"), *options])
    # I expect the run to be queued with a spec that says so, and the user to read what was left out.
    assert answer.exit_code == 0, answer.output
    assert submitted[0]["data"] == {"name": "images", "unreadable": "skip", "duplicates": "keep_first"}
    told = " ".join(answer.output.split())
    assert "note: left out 1 unreadable picture: 'class00/[b]x.png'" in told
    assert "note: left out 1 picture that stands elsewhere: 'class01/again.png'" in told


def test_without_them_it_is_refused(submitted, tmp_path):
    # Given the same without options, I expect both problems and nothing queued.
    answer = CliRunner().invoke(cli.app, ["submit", str(tmp_path / "spec.yaml")])
    assert submitted == []
    assert "it has 2 problems" in str(answer.exception)


def test_other_data_knows_no_such_option(submitted, tmp_path):
    # Given another dataset, I expect the option to be refused as an unknown field.
    (tmp_path / "spec.yaml").write_text(SPEC.replace("images", "glyphs"))
    answer = CliRunner().invoke(cli.app, ["submit", str(tmp_path / "spec.yaml"), "--skip-unreadable"])
    assert submitted == []
    assert "data.unreadable" in str(answer.exception)
