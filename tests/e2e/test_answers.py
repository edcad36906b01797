"""Every command's answer is for programs too: whole JSON, quiet names, tables of 80 columns, nothing lost in a pipe."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import typer

from phiforge.runs.record import Record, RunStatus
from phiforge.runs.store import LocalStore
from phiforge.runs.submitted import RunRecord
from phiforge.runs.waiting.wish import Wish
from phiforge.spec.run import RunSpec
from phiforge_client.cli import app
from tests.commands import Commands
from tests.pictures import draw_classes

pytestmark = pytest.mark.slow

Phiforge = Callable[..., subprocess.CompletedProcess[str]]

RUN = "a-run-with-a-rather-long-name-20261130-111610-ab12"
OTHER = "other-20261130-121212-cd34"
WITHOUT_AN_ANSWER = ("sampler", "trainer", "evaluator", "serve", "ui")
"""Services: they log."""
NOTHING_BUT_AN_ANSWER = ("show", "replay", "why", "cell", "explain", "logs", "study show", "study best", "study why")
"""Commands of which --quiet would leave nothing."""
LOOKING: dict[str, list[str]] = {
    "runs": [],
    "runs of a label": ["--label", "exp=a"],
    "queue": [],
    "study list": [],
    "show": [RUN],
    "specs": [],
    "specs one": ["demo-maml"],
    "explain": [],
    "explain a part": ["learner.maml"],
    "explain parts": ["learner"],
    "status": [],
    "down": [],
    "doctor": [],
    "data inspect": [],
    "data list": [],
    "certify": ["sgd"],
}
"""Commands that need no server, with what they are given; only the first words of a name are typed."""
ENDS = {"status": 1}
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command by its whole name."""
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        below = getattr(command, "commands", None)
        yield from ((f"{name} {each}", under) for each, under in below.items()) if below else [(name, command)]


def options(command: Any) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A home with two runs that are over, one of them with labels, and pictures; no Redis."""
    home = tmp_path_factory.mktemp("home")
    record, spec = Record(LocalStore(home / "store")), RunSpec()
    for age, (run, labels) in enumerate({RUN: (("exp", "a"), ("size", "large")), OTHER: ()}.items()):
        wish = Wish(labels=labels)
        record.create(RunRecord(run, spec, spec.hash, "digest", (1, 28, 28), 300, float(age), wish=wish))
        record.note_end(run, RunStatus.CANCELLED, "over")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PHIFORGE_")}
    settings = {
        "HOME": home,
        "IMAGES": draw_classes(home / "pictures", classes=9, pictures=4),
        "SECRETS_DIR": "/nowhere",
    }
    return kept | {f"PHIFORGE_{name}": str(value) for name, value in settings.items()} | {"OMP_NUM_THREADS": "1"}


@pytest.fixture
def phiforge(commands: Commands, environment: dict[str, str]) -> Phiforge:
    return partial(commands, environment=environment)


def typed(name: str, *more: str) -> list[str]:
    words = name.split()[: 2 if name.startswith(("data", "study")) else 1]
    return [*words, *LOOKING[name], *more]


def in_a_pipe(name: str, phiforge: Phiforge, *more: str) -> str:
    """Return what a command prints for a program; fail unless it ends as it should."""
    done = phiforge(*typed(name, *more))
    assert done.returncode == ENDS.get(name, 0), done.stderr
    return done.stdout


def in_a_terminal(name: str, phiforge: Phiforge, environment: dict[str, str], columns: int) -> list[str]:
    """Return the lines that a command prints on a terminal of so many columns, without its colours."""
    mine, its = pty.openpty()
    environment = environment | {"COLUMNS": str(columns), "TERM": "xterm"}
    with ThreadPoolExecutor() as pool:
        read = pool.submit(all_of, mine)
        done = phiforge(*typed(name), environment=environment, output=os.ttyname(its))
        os.close(its)  # the last who has it open, which ends what is read
        data = read.result()
    os.close(mine)
    assert done.returncode == ENDS.get(name, 0), done.stderr
    wiped = re.sub(r"\x1b\[2K|\r", "\n", data.decode())  # what is drawn over, such as how far a proof is
    return ESCAPES.sub("", wiped).split("\n")


def all_of(terminal: int) -> bytes:
    """Return all that is written to a terminal, once nobody has it open any more."""
    data = b""
    with suppress(OSError):
        while part := os.read(terminal, 65536):
            data += part
    return data


def test_every_command_that_answers_can_answer_a_program() -> None:
    # Given every command, I expect each to take --json, and each that says more than its answer --quiet.
    without = [name for name, command in commands() if "--json" not in options(command)]
    assert sorted(without) == sorted(WITHOUT_AN_ANSWER)
    loud = [name for name, command in commands() if "--quiet" not in options(command)]
    assert sorted(loud) == sorted((*WITHOUT_AN_ANSWER, *NOTHING_BUT_AN_ANSWER))


@pytest.mark.parametrize("name", LOOKING)
def test_json_is_all_there_is(name: str, phiforge: Phiforge) -> None:
    # Given a command, if it is asked for JSON, I expect one JSON value and nothing besides.
    assert json.loads(in_a_pipe(name, phiforge, "--json")) is not None


@pytest.mark.parametrize("name", LOOKING)
def test_a_table_fits_a_terminal_and_is_whole_in_a_pipe(
    name: str, phiforge: Phiforge, environment: dict[str, str]
) -> None:
    # Given a command, if it is typed on a terminal of 80 columns, I expect no line of a table to be wider.
    lines = in_a_terminal(name, phiforge, environment, 80)
    tables = name in ("runs", "runs of a label", "certify", "explain", "explain a part", "explain parts", "doctor")
    assert not tables or max(map(len, lines)) <= 80, max(lines, key=len)
    # I expect no colours in a pipe.
    printed = in_a_pipe(name, phiforge)
    assert "\x1b" not in printed
    # and nothing to be cut there.
    if name == "runs":
        assert RUN in printed
        assert "exp=a size=large" in printed
        assert any("exp=a size=large" in line for line in lines)
    assert "…" not in printed


def test_labels_choose_runs(phiforge: Phiforge) -> None:
    assert [each["run"] for each in json.loads(in_a_pipe("runs of a label", phiforge, "--json"))] == [RUN]
    assert in_a_pipe("runs of a label", phiforge, "--quiet").split() == [RUN]


def test_latest_and_version(environment: dict[str, str]) -> None:
    # Given two runs, I expect the one that was submitted last; and a version on its own.
    command = [sys.executable, "-m", "phiforge_client.cli"]
    shown = subprocess.run([*command, "show", "latest"], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(shown.stdout)["run"] == OTHER
    version = subprocess.run([*command, "--version"], env=environment, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"phiforge \d+\.\d+\.\d+\n", version.stdout)


def test_quiet_is_names_alone(phiforge: Phiforge) -> None:
    assert in_a_pipe("runs", phiforge, "--quiet").split() == [RUN, OTHER]
    assert in_a_pipe("down", phiforge, "--quiet") == ""
    assert "demo-maml" in in_a_pipe("specs", phiforge, "-q").split()


def test_rm_asks(phiforge: Phiforge) -> None:
    # Given nobody who could answer, if a run is to be removed, I expect it to stay: Redis is not even asked for.
    assert phiforge("rm", "other").returncode == 1
    assert OTHER in in_a_pipe("runs", phiforge)
