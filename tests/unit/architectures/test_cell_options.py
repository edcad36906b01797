"""What `phiforge cell` is asked for, before it looks at any run."""

import pytest
from typer.testing import CliRunner

from phiforge_client.cli import app


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--tasks", "40"], "40 tasks would judge what is drawn: give --draws N too"),
        (["--draws", "0"], "greater than or equal to 1"),
        (["--draws", "5", "--tasks", "1"], "greater than or equal to 2"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(options, said, monkeypatch):
    # Given options that do not fit, if a cell is asked for, I expect to be told what is allowed, and no traceback.
    monkeypatch.setenv("COLUMNS", "200")
    found = CliRunner().invoke(app, ["cell", "latest", *options])
    assert found.exit_code == 2
    assert said in found.output
