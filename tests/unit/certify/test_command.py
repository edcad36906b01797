"""``phiforge certify``: a table of proofs, and an exit code that says whether all hold."""

import pytest
from typer.testing import CliRunner

from phiforge.certify.proof import Figure, Measured, Proof
from phiforge.registry import KINDS
from phiforge_client.cli import app
from tests.unit.certify import wrong


@pytest.fixture
def certified(monkeypatch):
    """Runs the command where a wrong score, optimiser and so on are installed."""

    def run(*arguments, **parts):
        for kind, part in parts.items():
            monkeypatch.setitem(KINDS[kind]._loaded, "wrong", part)
        return CliRunner(env={"COLUMNS": "160"}).invoke(app, ["certify", *arguments])

    return run


def test_a_part_that_holds(certified):
    # Given a part of ours, if it is certified, I expect each proof with figure and limit, and a good end.
    answer = certified("sgd")
    assert answer.exit_code == 0
    assert "goes down a bowl to a tenth of its height" in answer.output
    assert "at most 0.1" in answer.output
    assert "7 of 7 proofs hold" in answer.output


def test_a_part_that_does_not(certified):
    # Given a wrong optimiser, if it is certified, I expect the proof that fails, and exit code 1.
    answer = certified("wrong", "--kind", "optimizer", optimizer=wrong.Uphill)
    assert answer.exit_code == 1
    [row] = [line for line in answer.output.splitlines() if "goes down a bowl" in line]
    assert " no " in row
    assert "6 of 7 proofs hold" in answer.output


def test_a_part_that_breaks_off(certified):
    # Given a score that raises, if it is certified, I expect to read with what.
    answer = certified("wrong", "--kind", "score", score=wrong.Broken)
    assert answer.exit_code == 1
    assert "ZeroDivisionError: nothing by nothing" in answer.output


def test_figures_and_their_limits():
    # Given figures on either side of a limit, I expect those within it to hold; what is no number never does.
    assert Figure(0.0).holds
    assert Figure(1.0, 1.0).holds
    assert not Figure(1.1, 1.0).holds
    assert Figure(1.1, 1.0, above=True).holds
    assert not Figure(1.0, 1.0, above=True).holds
    assert not Figure(float("nan"), 1.0).holds
    assert not Figure(float("nan"), 1.0, above=True).holds
    # Of a proof that is only told, I expect a figure that fails nobody.
    assert Measured(Proof("told", lambda: Figure(1.0), asked=False), Figure(1.0)).holds
