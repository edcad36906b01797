"""Studies as a person steers them, without torch to look; a clear sentence for what is wrong."""

import csv
import json
import os
import subprocess
import sys
from io import StringIO

import pytest
import yaml

from phiforge.base.errors import SpecError, StudyError
from phiforge.fleet.platform import Platform
from phiforge.runs.reconcile import reconcile_all
from phiforge.runs.record import RunStatus
from phiforge.runs.studies.found import Found
from phiforge.runs.studies.look import look, studies_of
from phiforge.runs.studies.outcome import StudyStatus, run_of_trial
from phiforge.runs.studies.record import Studies
from phiforge.runs.waiting.line import Line
from phiforge.spec.read import parse_spec
from phiforge_client.selection import selected
from tests.integration.queue.test_commands import Phiforge
from tests.integration.studies.conftest import Submit, finish, loss_at, study, trials_that_go_on

pytestmark = pytest.mark.services


@pytest.fixture
def phiforge(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Phiforge:
    return Phiforge(platform, monkeypatch)


@pytest.fixture
def found(platform: Platform, submitted: Submit) -> str:
    """A study that is complete."""
    submitted_study = submitted(budget={"trials": 2}, generation=2)
    for run in trials_that_go_on(platform, submitted_study):
        finish(platform, run, loss_at(platform, run))
    look(platform, submitted_study)
    assert Studies(platform.store).status(submitted_study) is StudyStatus.COMPLETE
    return submitted_study


def test_submitted_from_a_file(phiforge: Phiforge, platform: Platform, tmp_path) -> None:
    # Given a study's file, whose base is a file beside it
    raw = study()
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(raw["base"]))
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(raw | {"base": "base.yaml"}))
    # If it is submitted, I expect it to be there, and its first trials to be labelled runs that wait or go on.
    said = phiforge("study", "submit", str(tmp_path / "study.yaml"), "--set", "generation=2", "--priority", "3")
    [submitted] = Studies(platform.store).all()
    assert submitted in said
    runs = [run_of_trial(submitted, number) for number in range(2)]
    assert selected(platform, [], [f"study={submitted}"]) == runs
    assert platform.record.submitted(runs[0]).wish.priority == 3
    assert submitted in phiforge("study", "list")
    assert f"{submitted}: running; 0/6 trials; nothing found yet; 2 trials go on or wait" in phiforge(
        "study", "show", submitted
    )
    with pytest.raises(StudyError, match="has found nothing yet"):
        phiforge("study", "best", submitted)


def test_what_was_found(phiforge: Phiforge, platform: Platform, found: str) -> None:
    # Given a study that is complete
    last = found.rpartition("-")[2]
    shown = json.loads(phiforge("study", "show", last, "--json"))
    # I expect its trials, the best, and why it ended to be shown, as a table and as JSON;
    assert [trial["end"] for trial in shown["trials"]] == ["complete"] * 2
    best = min(shown["trials"], key=lambda trial: trial["value"])
    assert shown["best"]["number"] == best["trial"]
    assert json.loads(phiforge("study", "list", "--json"))[0]["study"] == found
    text = phiforge("study", "show", found)
    assert f"{found}: complete (its 2 trials are over); 2/2 trials; best loss" in text
    assert f"{best['trial']}*" in text
    assert "the study is complete: its 2 trials are over" in phiforge("study", "why", found)
    assert "0: complete, loss" in phiforge("study", "why", found, "0")
    # and its best to be a spec that can be submitted.
    spec = phiforge("study", "best", found)
    assert spec.startswith(f"# Trial {best['trial']} of study {found}: validation loss")
    assert parse_spec(yaml.safe_load(spec)).learner.inner_lr == best["point"]["learner.inner_lr"]


def test_exported(phiforge: Phiforge, found: str, tmp_path) -> None:
    # Given a study that is complete, if it is exported, I expect a row a trial in a table that any reader takes,
    said = phiforge("study", "export", found, str(tmp_path / "out"))
    names = ("trials.csv", "study.json", "study.html", "study.png", "parallel.png", "cost.png")
    assert [line for line in said.splitlines() if line] == [str(tmp_path / "out" / name) for name in names]
    with (tmp_path / "out" / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    trials = json.loads((tmp_path / "out" / "study.json").read_text())["trials"]
    assert [float(row["value"]) for row in rows] == [trial["value"] for trial in trials]
    assert [float(row["outer.lr"]) for row in rows] == [trial["point"]["outer.lr"] for trial in trials]
    # pictures, and a page that holds them and needs nothing else.
    for name in names[3:]:
        assert (tmp_path / "out" / name).read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "out" / "study.html").read_text()
    assert page.count("data:image/png;base64,") == 3
    assert "http" not in page
    assert page.count("<tr>") == 3


def test_tables_fit_80_columns(platform: Platform, found: str, submitted: Submit) -> None:
    # Given studies, if they are shown where there are 80 columns, I expect no line to be longer, but for sentences.
    from rich.console import Console

    from phiforge_client.studies.table import print_studies, print_study
    from phiforge_client.studies.view import all_studies

    submitted()
    views, _ = all_studies(platform)
    console = Console(width=80, record=True, force_terminal=True, file=StringIO())
    print_studies(console, views)
    for view in views:
        print_study(console, view)
    lines = console.export_text().splitlines()
    assert len(lines) > 10
    assert [line for line in lines if len(line) > 80 and not line.startswith("search-")] == []


def test_cancelled_and_resumed(phiforge: Phiforge, platform: Platform, submitted: Submit) -> None:
    # Given a study with trials that go on
    mine = submitted()
    runs = trials_that_go_on(platform, mine)
    finish(platform, runs[0], loss_at(platform, runs[0]))
    proposals = Found.of(Studies(platform.store), mine).proposals
    # If it is cancelled, I expect its trials to end, and nothing of it to be left in the queue;
    assert "cancelled" in phiforge("study", "cancel", mine)
    assert [platform.record.status(run) for run in runs[1:]] == [RunStatus.CANCELLED] * 2
    reconcile_all(platform)
    assert list(Line(platform.store, platform.exchange).all()) == []
    assert platform.once(studies_of).active() == []
    assert "the study is cancelled: cancelled by its user" in phiforge("study", "why", mine)
    with pytest.raises(StudyError, match="it is cancelled; allowed: running"):
        phiforge("study", "cancel", mine)
    # if it is resumed, to go on with the same trials, to the end.
    assert "resumed" in phiforge("study", "resume", mine)
    assert trials_that_go_on(platform, mine) == runs[1:]
    assert Found.of(Studies(platform.store), mine).proposals == proposals
    for _ in range(3):
        for run in trials_that_go_on(platform, mine):
            finish(platform, run, loss_at(platform, run))
        reconcile_all(platform)
    assert Studies(platform.store).status(mine) is StudyStatus.COMPLETE
    with pytest.raises(StudyError, match="it is complete; allowed: cancelled or failed"):
        phiforge("study", "resume", mine)


def test_what_is_not_there(phiforge: Phiforge, tmp_path) -> None:
    # Given nobody's study, I expect a sentence that says what to type next.
    with pytest.raises(StudyError, match=r"there is no study 'nobody' .*`phiforge study list`"):
        phiforge("study", "show", "nobody")
    with pytest.raises(SpecError, match="cannot read"):
        phiforge("study", "submit", str(tmp_path / "nothing.yaml"))
    assert "there is no study in" in phiforge("study", "list")


def test_looking_needs_no_torch(platform: Platform, found: str) -> None:
    # Given a study, if a fresh process looks at it, I expect it to import neither torch nor Celery nor Optuna.
    code = "import sys\nfrom phiforge_client.cli import app\napp(sys.argv[1:], standalone_mode=False)\n"
    code += "assert not {'torch', 'celery', 'optuna', 'scipy'} & sys.modules.keys(), 'heavy'"
    settings = platform.settings
    environment = os.environ | {"PHIFORGE_HOME": str(settings.home), "PHIFORGE_REDIS_URL": settings.redis_url}
    for arguments in (["list"], ["show", found], ["watch", found], ["best", found], ["why", found]):
        subprocess.run([sys.executable, "-c", code, "study", *arguments], env=environment, check=True)
