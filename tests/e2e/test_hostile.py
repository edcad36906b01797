"""Every command in surroundings that are against it: a sentence and an exit code, never a traceback."""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from phiforge.runs.record import Record, RunStatus
from phiforge.runs.store import LocalStore
from phiforge.runs.submitted import RunRecord
from phiforge.spec.run import RunSpec
from phiforge_client.cli import app
from tests.commands import Commands
from tests.pictures import draw_classes

pytestmark = pytest.mark.slow

RUN, ENDED = "gone-20261130-111610-ab12", "ended-20261130-111610-cd34"
SPEC = Path(__file__).parents[2] / "specs" / "sinusoid-maml.yaml"
MOST_LINES = 8
"""Of an answer that is an error; a list of runs or a help may be longer."""
MOST_SECONDS = 25.0

WITH_A_RUN: dict[str, list[str]] = {
    "watch": [],
    "show": [],
    "replay": [],
    "cancel": [],
    "resume": [],
    "pause": [],
    "reprioritise": ["--priority", "1"],
    "verify": [],
    "why": ["1"],
    "branch": ["--at", "1"],
    "report": ["--out", "out"],
    "export-metrics": ["--to", "mlflow", "--out", "board"],
    "compare": [ENDED],
    "rm": ["--yes"],
    "predict": ["--support", "nowhere", "picture.png"],
    "adapt": ["--support", "nowhere", "--query", "nowhere"],
    "evaluate": [],
    "cell": [],
    "export": ["--out", "exported"],
    "serve": [],
}
SERVICES: dict[str, list[str]] = {"sampler": [], "trainer": [], "evaluator": []}
STACKS: dict[str, list[str]] = {"demo": [], "up": [], "chaos": ["--minutes", "0"]}
OTHERS: dict[str, list[str]] = {
    "submit": [str(SPEC)],
    "runs": [],
    "queue": [],
    "ui": ["--host", "192.0.2.1"],
    "certify": ["nobody"],
    "data inspect": [],
    "data suggest": [],
    "data publish": ["sinusoid-maml"],
    "data list": [],
    "data remove": ["--yes", "abcdef"],
    "study submit": ["demo-study"],
    "study list": [],
    **{f"study {each}": ["gone"] for each in ("watch", "show", "best", "why", "export", "cancel", "resume")},
}
OF_THE_STACK: dict[str, list[str]] = {"status": [], "logs": [], "down": [], "doctor": []}
"""Commands that look at a home and its stack; each says what it finds, whatever that is."""
ANYWHERE: dict[str, list[str]] = {"specs": [], "explain": []}
"""Commands that need no home, no store and no Redis: they fail only where nothing can be printed."""
NEEDING_REDIS = ("study submit", "submit", "watch", "cancel", "resume", "pause", "reprioritise", "branch", "rm")


class Place(NamedTuple):
    """Surroundings: settings, where output goes, which commands are tried there, and which of them must fail."""

    commands: tuple[str, ...]
    failing: tuple[str, ...]
    settings: Mapping[str, str] = MappingProxyType({})
    output: str = ""
    encoding: str = "utf-8"
    unset: tuple[str, ...] = ()


ALL = (*WITH_A_RUN, *SERVICES, *STACKS, *OTHERS, *OF_THE_STACK)
ACTING = (*WITH_A_RUN, *OTHERS, *OF_THE_STACK)
LOOKING = ("runs", "queue", "study list", "data list", "data inspect", "data suggest", "data publish", "down")
"""What has nothing to find, and says so, where there is no home and none can be made."""
NO_STORE = (
    *WITH_A_RUN,
    "submit",
    "runs",
    "queue",
    *(each for each in OTHERS if each.startswith("study")),
    "data list",
    "data remove",
    "data publish",
    "certify",
    "status",
    "logs",
)
PRINTING = (
    "show",
    "runs",
    "queue",
    "study list",
    "watch",
    "data list",
    "data inspect",
    "data suggest",
    "data publish",
    "status",
    "down",
    "doctor",
    *ANYWHERE,
)
LONG = "a" * 260
AWAY = {"PHIFORGE_REDIS_URL": "redis://127.0.0.1:1/0"}
PLACES = {
    "a Redis that hangs": Place(ACTING, NEEDING_REDIS, {"PHIFORGE_REDIS_URL": "unix://{hanging}"}),
    "no Redis": Place(ACTING, NEEDING_REDIS),
    "a home that cannot be made": Place(
        ALL, tuple(each for each in ALL if each not in LOOKING), {"PHIFORGE_HOME": "/proc/phiforge/home"}
    ),
    "a home in a file system that is read-only": Place(
        ("submit", "up", "demo", *SERVICES), ("submit", "up", "demo", *SERVICES), {"PHIFORGE_HOME": "/sys/phiforge"}
    ),
    "a home with a long name": Place(ALL, ALL, {"PHIFORGE_HOME": LONG}),
    "a home in a folder with a long name": Place(ALL, ALL, {"PHIFORGE_HOME": f"{LONG}/home"}),
    "a home that is a file": Place(ALL, ALL, {"PHIFORGE_HOME": str(SPEC)}),
    "a store that is a file": Place(
        (*ACTING, *SERVICES), (*NO_STORE, *SERVICES, "doctor"), {"PHIFORGE_STORE_URL": f"file://{SPEC}"}
    ),
    "a store with a long name": Place(ACTING, (*NO_STORE, "doctor"), {"PHIFORGE_STORE_URL": f"file:///{LONG}"}),
    "a full disk for the output": Place((*ACTING, "demo"), (*PRINTING, "demo"), output="/dev/full"),
    "a closed pipe for the output": Place(
        (*ACTING, "demo"),
        ("show", "runs", "queue", "study list", "demo", "data list", "data inspect", "doctor", *ANYWHERE),
        output="closed pipe",
    ),
    "an output of ASCII": Place(ACTING, (), encoding="ascii"),
    "an output of Latin-1": Place(ACTING, (), encoding="latin-1"),
    "a terminal of 20 columns": Place(ACTING, (), {"COLUMNS": "20", "FORCE_COLOR": "1"}),
    "a terminal of 1 column": Place(ACTING, (), {"COLUMNS": "1", "FORCE_COLOR": "1"}),
    "no HOME": Place(ACTING, (), unset=("HOME", "USER", "LOGNAME")),
    "LANG=C": Place(ACTING, (), {"LANG": "C", "LC_ALL": "C"}, encoding="ascii"),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a run that has no checkpoint left, and one that is over."""
    home = tmp_path_factory.mktemp("home")
    record, spec = Record(LocalStore(home / "store")), RunSpec()
    for run in (RUN, ENDED):
        record.create(RunRecord(run, spec, spec.hash, "digest", (1, 28, 28), 300, 1.0))
    record.note_end(ENDED, RunStatus.CANCELLED, "because of φ")
    draw_classes(home / "pictures", classes=6, pictures=3)
    return home


@pytest.fixture(scope="module")
def hanging() -> Iterator[Path]:
    """A socket that takes what it is sent and never answers."""
    path = Path("/tmp") / f"phiforge-hanging-{os.getpid()}.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(50)
        yield path
    path.unlink()


class Phiforge:
    """Runs commands and returns what came of them."""

    def __init__(self, commands: Commands, home: Path, hanging: Path, folder: Path) -> None:
        self._commands, self._folder = commands, folder
        self._common = {"PHIFORGE_HOME": str(home), "PHIFORGE_SECRETS_DIR": "/nowhere"} | AWAY
        self._common["PHIFORGE_IMAGES"] = str(home / "pictures")
        self._hanging = hanging

    def __call__(self, *arguments: str, place: Place = PLACES["no Redis"]) -> dict[str, Any]:
        """Return the exit code, and what was printed: the output, then the errors."""
        settings = {name: value.format(hanging=self._hanging) for name, value in place.settings.items()}
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("PHIFORGE_") and name not in place.unset
        }
        surroundings = {"output": place.output, "encoding": place.encoding, "looking_seconds": 1.0}
        environment = kept | self._common | settings
        done = self._commands(
            *arguments, environment=environment, folder=self._folder, seconds=MOST_SECONDS, **surroundings
        )
        return {"code": done.returncode, "printed": done.stdout + done.stderr}


@pytest.fixture
def phiforge(commands: Commands, home: Path, hanging: Path, tmp_path: Path) -> Phiforge:
    """Runs commands in an empty folder."""
    return Phiforge(commands, home, hanging, tmp_path)


def test_every_command_is_tried() -> None:
    command = get_command(app)
    assert isinstance(command, TyperGroup)
    assert {*ALL, *ANYWHERE} == set(names(command))


def names(command: Any, before: str = "") -> Iterator[str]:
    """Yield the whole name of every command."""
    for name, each in command.commands.items():
        if hasattr(each, "commands"):
            yield from names(each, f"{before}{name} ")
        else:
            yield before + name


@pytest.mark.parametrize("name", PLACES)
def test_surroundings(name: str, phiforge: Phiforge) -> None:
    # Given surroundings, if each command is tried there
    place, wrong = PLACES[name], []
    for command in (*place.commands, *ANYWHERE):
        run = [ENDED if command in ("watch", "resume") and name not in ("a Redis that hangs", "no Redis") else RUN]
        run = run if command in WITH_A_RUN else []
        rest = (WITH_A_RUN | SERVICES | STACKS | OTHERS | OF_THE_STACK | ANYWHERE)[command]
        answer = phiforge(*command.split(), *run, *rest, place=place)
        fine = answer["code"] != 0 if command in place.failing else answer["code"] in (0, 1, 2)
        lines = answer["printed"].count("\n")
        # I expect an exit code that says whether it failed, no traceback, and a few lines if it did.
        longer = "COLUMNS" in place.settings or command == "doctor"
        short = not answer["code"] or longer or lines <= MOST_LINES
        if not fine or not short or "Traceback" in answer["printed"] or answer["code"] < 0:
            wrong.append((command, answer))
    assert wrong == []


@pytest.mark.parametrize("given", ["", "../x", "x" * 300, "[red]", "φ"])
def test_strange_ids(given: str, phiforge: Phiforge) -> None:
    # Given what is no run's id, I expect each command to say so, and to leave nothing in the folder it was typed in.
    for command, rest in WITH_A_RUN.items():
        options = [] if command == "why" else rest[:2] if command == "predict" else rest
        answer = phiforge(command, *options, "--", given, *rest[len(options) :])
        assert answer["code"] == 1, answer
        assert "run" in answer["printed"]
        assert "Traceback" not in answer["printed"]
        assert answer["printed"].count("\n") == 1


def test_looking_leaves_no_trace(phiforge: Phiforge, tmp_path: Path) -> None:
    # Given a folder without a home, if runs are looked for there, I expect to be told where, and nothing to be made.
    here = PLACES["no Redis"]._replace(settings={"PHIFORGE_HOME": str(tmp_path / "home")})
    assert f"there is no run in file://{tmp_path}/home/store" in phiforge("runs", place=here)["printed"]
    for command, rest in WITH_A_RUN.items():
        assert phiforge(command, RUN, *rest, place=here)["code"] == 1
    assert list(tmp_path.iterdir()) == []


def test_a_report_is_json_in_any_encoding(phiforge: Phiforge) -> None:
    for name in ("no Redis", "an output of ASCII", "an output of Latin-1"):
        shown = json.loads(phiforge("show", "cd34", place=PLACES[name])["printed"])
        assert (shown["run"], shown["reason"]) == (ENDED, "because of φ")


def test_a_misspelt_key_is_said_before_a_missing_redis(phiforge: Phiforge, tmp_path: Path) -> None:
    # Given no Redis and a spec that is wrong, I expect to be told what is wrong with the spec: that can be mended now.
    for given in (["--set", "sead=3"], ["--set", "task.k_shot=0"]):
        answer = phiforge("submit", str(SPEC), *given)
        assert answer["code"] == 1
        assert given[1].partition("=")[0] in answer["printed"]
        assert "Redis" not in answer["printed"]
    # Given one that is right, I expect to be told of Redis.
    assert "Redis" in phiforge("submit", str(SPEC))["printed"]
