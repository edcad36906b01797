"""The command line as a person uses it: real processes, the embedded stack, a folder as object storage."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from phiforge.base.errors import ServiceError
from phiforge_client.processes import ChildProcess
from phiforge_client.servers import redis_binary
from tests.commands import Commands
from tests.fleet import small_spec, wait_until
from tests.servers import missing

pytestmark = pytest.mark.services

Phiforge = Callable[..., subprocess.CompletedProcess[str]]
RUN_ID = re.compile(r"small-\d{8}-\d{6}-[0-9a-f]{4}")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The local state of one person."""
    try:
        redis_binary()
    except ServiceError as error:
        missing(str(error))
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def up(home: Path) -> Iterator[ChildProcess]:
    """``phiforge up`` in another terminal."""
    command = [sys.executable, "-m", "phiforge_client.cli", "up", "--trainers", "1"]
    process = ChildProcess(command, home / "up.log", environment(home))
    process.wait_until_ready(lambda: "ready:" in process.log.read_text(), 60)
    yield process
    process.terminate(15)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A spec file."""
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(small_spec()))
    return path


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PHIFORGE_")}
    return kept | {"PHIFORGE_HOME": str(home), "COLUMNS": "200", "NO_COLOR": "1"}


@pytest.fixture
def phiforge(commands: Commands) -> Phiforge:
    """Commands of a person whose local state is in ``home``."""

    def run(home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return commands(*arguments, environment=environment(home) | settings)

    return run


def by_python(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command by a Python of its own, with all its imports."""
    return subprocess.run(
        [sys.executable, "-m", "phiforge_client.cli", *arguments],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=120,
    )


def submitted(output: str) -> str:
    found = RUN_ID.search(output)
    assert found, output
    return found.group()


def test_help_is_enough_to_work_from(home: Path) -> None:
    # Given nothing but the command, if help is asked for
    shown = by_python(home, "--help").stdout
    # I expect every command with what it does.
    for command in (
        *("demo", "up", "submit", "runs", "watch", "show", "cancel", "resume", "verify", "why", "branch", "certify"),
        *("sampler", "trainer", "evaluator"),
    ):
        assert re.search(rf"{command}\s+\S+", shown), command
    assert "--set" in by_python(home, "submit", "--help").stdout


def test_submit_watch_show(home: Path, up: ChildProcess, spec: Path) -> None:
    # Given a running stack, if a spec is submitted with a change and watched
    answer = by_python(home, "submit", str(spec), "--set", "outer.versions=4", "--set", "outer.lr=3e-4", "--watch")
    assert answer.returncode == 0, answer.stderr
    run = submitted(answer.stdout)
    # I expect to see it complete, to find it among the runs, and its report.
    assert "complete" in answer.stdout
    assert run in by_python(home, "runs").stdout
    shown = json.loads(by_python(home, "show", run).stdout)
    assert shown["spec"]["outer"]["versions"] == 4
    assert shown["spec"]["outer"]["lr"] == 3e-4
    assert shown["report"]["test"]["tasks"] == 20


def test_verify_why_branch(phiforge: Phiforge, home: Path, up: ChildProcess, spec: Path) -> None:
    # Given a finished run with checkpoints of versions 0, 2 and 4
    changes = ("--set", "outer.versions=4", "--set", "checkpoint.every=2", "--watch")
    answer = phiforge(home, "submit", str(spec), *changes)
    assert answer.returncode == 0, answer.stderr
    run = submitted(answer.stdout)
    # If all of it is verified, I expect every hash to be the same.
    verified = phiforge(home, "verify", run, "--all")
    assert verified.returncode == 0, verified.stderr
    assert "1 to 4" in verified.stdout
    assert "every hash is the same" in verified.stdout
    # If it is asked what is behind a version, I expect its episodes and their items, and from an item the way back.
    explained = json.loads(phiforge(home, "why", run, "3", "--json").stdout)
    assert [job["as_logged"] for job in explained["jobs"]] == [True] * 4
    item = explained["jobs"][2]["episodes"][1]["support"][0]
    answer = phiforge(home, "why", run, "--item", item["name"], "--drawing", str(item["drawing"]), "--json")
    places = [(each["version"], each["job"], each["episode"], each["role"]) for each in json.loads(answer.stdout)]
    assert (3, 2, 1, "support") in places
    # If a branch leaves it where it has no checkpoint, I expect it to end with the same φ and to know its parent.
    answer = phiforge(home, "branch", run, "--at", "3", "--set", "name=small-branch", "--watch")
    assert answer.returncode == 0, answer.stderr
    new = re.search(r"small-branch-\d{8}-\d{6}-[0-9a-f]{4}", answer.stdout)
    assert new, answer.stdout
    shown = json.loads(phiforge(home, "show", new.group()).stdout)
    report = json.loads((home / "store" / "runs" / run / "report.json").read_text())
    assert (shown["parent"]["run"], shown["parent"]["version"]) == (run, 3)
    assert shown["report"]["final_phi_hash"] == report["final_phi_hash"]
    assert shown["report"]["tasks_seen"] == 4 * 8
    # If the log is changed behind its back, I expect verify to fail, and to name the version and the job.
    log = home / "store" / "runs" / run / "log" / "00000004.jsonl"
    first, second = log.read_text().splitlines()
    entry = json.loads(first)
    entry["jobs"][1]["contribution"] = "0" * 64
    log.write_text(json.dumps(entry) + "\n" + second + "\n")
    verified = phiforge(home, "verify", run)
    assert verified.returncode == 1
    assert "version 3, job 1, is the first that differs" in verified.stdout


def test_what_submit_says_is_for_programs_too(phiforge: Phiforge, home: Path, up: ChildProcess, spec: Path) -> None:
    # Given a pipe that counts as narrow, if a run is submitted
    answer = phiforge(home, "submit", str(spec), "--set", "outer.versions=2", COLUMNS="20")
    # I expect one line with the whole id, and no log among it;
    assert (answer.returncode, answer.stderr, answer.stdout.count("\n")) == (0, "", 1)
    run = submitted(answer.stdout)
    # the id's last part to be enough for a program, and for a person to watch it to the test accuracy.
    watched = phiforge(home, "watch", run.rpartition("-")[2])
    assert watched.returncode == 0, watched.stderr
    assert re.search(r"complete .* test \d+\.\d ± \d+\.\d %", watched.stdout.splitlines()[-1])
    assert phiforge(home, "runs").stdout.splitlines()[-1].startswith(run)


def test_cancel_and_resume(phiforge: Phiforge, home: Path, up: ChildProcess, spec: Path) -> None:
    # Given a long run
    run = submitted(phiforge(home, "submit", str(spec), "--set", "outer.versions=100000").stdout)
    # If it is cancelled, I expect it to be so, and no second time;
    assert phiforge(home, "cancel", run).returncode == 0
    assert json.loads(phiforge(home, "show", run).stdout)["status"] == "cancelled"
    again = phiforge(home, "cancel", run)
    assert again.returncode == 1
    assert "it is cancelled" in again.stderr
    # and to go on when resumed.
    assert phiforge(home, "resume", run).returncode == 0
    assert json.loads(phiforge(home, "show", run).stdout)["status"] == "running"
    assert phiforge(home, "cancel", run).returncode == 0


def test_a_bad_spec_is_refused_with_every_problem(
    phiforge: Phiforge, home: Path, up: ChildProcess, tmp_path: Path
) -> None:
    # Given a spec with problems in several sections, some of which only the dataset shows
    problems = small_spec(
        task={"n_way": 5000, "n_query": 50},
        outer={"meta_batch": 10, "job_size": 4},
        learner={"name": "prototypical"},
        estimator={"name": "first_order"},
    )
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(problems))
    runs = phiforge(home, "runs").stdout
    # If it is submitted
    answer = phiforge(home, "submit", str(path))
    # I expect one answer that names them all, no traceback, and nothing queued.
    assert answer.returncode == 1
    for problem in ("5000 ways", "k_shot + n_query", "does not divide", "takes no inner gradient"):
        assert problem in answer.stderr
    assert "Traceback" not in answer.stderr
    assert phiforge(home, "runs").stdout == runs


def test_an_unknown_run(phiforge: Phiforge, home: Path, up: ChildProcess) -> None:
    # Given no such run, if it is asked for, I expect a sentence and no traceback.
    for command in ("show", "watch", "cancel", "resume", "verify"):
        answer = phiforge(home, command, "nobody")
        assert answer.returncode == 1
        assert "there is no run 'nobody'" in answer.stderr
        assert "Traceback" not in answer.stderr


def test_without_a_stack(phiforge: Phiforge, tmp_path: Path, spec: Path) -> None:
    # Given no Redis, if a run is submitted
    answer = phiforge(tmp_path, "submit", str(spec))
    # I expect to be told what to start, with nothing queued.
    assert answer.returncode == 1
    assert "phiforge up" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / "store" / "submitted").exists()


def test_finished_runs_can_be_seen_without_a_stack(
    phiforge: Phiforge, home: Path, up: ChildProcess, spec: Path
) -> None:
    # Given a finished run, and no Redis any more
    run = submitted(phiforge(home, "submit", str(spec), "--set", "outer.versions=2", "--watch").stdout)
    elsewhere = {"PHIFORGE_REDIS_URL": "redis://127.0.0.1:1/0"}
    # If it is asked for, I expect its end and its accuracy all the same.
    for command in (["runs"], ["watch", run], ["show", run]):
        answer = phiforge(home, *command, **elsewhere)
        assert answer.returncode == 0, answer.stderr
        assert "complete" in answer.stdout


def test_ctrl_c_leaves_no_process_behind(tmp_path: Path) -> None:
    # Given a demo that is under way
    command = [sys.executable, "-m", "phiforge_client.cli", "demo"]
    demo = ChildProcess(command, tmp_path / "demo.log", environment(tmp_path))
    wait_until(lambda: "demo-maml" in demo.log.read_text(), "the demo's first line")
    children = processes_of(tmp_path)
    assert len(children) >= 4
    # If its user presses Ctrl-C
    os.kill(demo.pid, signal.SIGINT)
    wait_until(lambda: not demo.alive, "its end")
    # I expect it to say so, and every process it started to be gone.
    assert "interrupted" in demo.log.read_text()
    assert processes_of(tmp_path) == []


def processes_of(home: Path) -> list[str]:
    """Return the ids of the processes whose environment names ``home``."""
    needle = f"PHIFORGE_HOME={home}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if needle in (process / "environ").read_bytes() and (process / "cmdline").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found


def test_answers_for_programs_and_what_is_left_when_a_run_goes(
    phiforge: Phiforge, home: Path, up: ChildProcess, spec: Path
) -> None:
    # Given a running stack, if a run is queued for a program, I expect JSON with its id; of a quiet one, the id alone.
    queued = json.loads(phiforge(home, "submit", str(spec), "--hold", "--label", "who=me", "--json").stdout)
    run = queued["run"]
    quiet = phiforge(home, "submit", str(spec), "--hold", "--quiet").stdout
    assert RUN_ID.fullmatch(quiet.strip())
    assert [each["run"] for each in json.loads(phiforge(home, "runs", "--label", "who=me", "--json").stdout)] == [run]
    assert run in {each["run"] for each in json.loads(phiforge(home, "queue", "--json").stdout)["runs"]}
    # If it is to be removed while it waits, I expect a refusal that says what to type.
    refused = phiforge(home, "rm", run, "--yes")
    assert refused.returncode == 1
    assert f"phiforge cancel {run}" in refused.stderr
    # If it is cancelled and removed, I expect JSON of both, and the dataset to stay, as others need it.
    assert json.loads(phiforge(home, "cancel", run, "--json").stdout) == {"runs": [run], "left": {}}
    assert list(json.loads(phiforge(home, "rm", run, "--yes", "--json").stdout)["removed"]) == [run]
    [dataset] = json.loads(phiforge(home, "data", "list", "--json").stdout)
    assert run not in dataset["runs"]
    kept = phiforge(home, "data", "remove", dataset["digest"][:8], "--yes")
    assert kept.returncode == 1
    assert "need it" in kept.stderr
    # If one that is watched is asked for JSON, I expect its last view and nothing else.
    watched = phiforge(home, "submit", str(spec), "--set", "outer.versions=2", "--watch", "--json")
    [view] = json.loads(watched.stdout)
    assert (view["status"], view["version"]) == ("complete", 2)
    assert json.loads(phiforge(home, "verify", view["run"], "--json").stdout)["differences"] == []
    phiforge(home, "cancel", quiet.strip())
