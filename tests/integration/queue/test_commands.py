"""The queue as a person steers it: one run or many, by name, pattern or label; a clear sentence for what is wrong."""

import re

import pytest
import yaml
from typer.testing import CliRunner, Result

from phiforge.base.errors import PhiforgeError
from phiforge.fleet.platform import Platform
from phiforge.fleet.roster import Roster
from phiforge.runs.reconcile import reconcile_all
from phiforge.runs.waiting.line import Line
from phiforge.runs.waiting.policy import Policy, read_policy
from phiforge_client import cli
from phiforge_client.queue_view import queue_view, sentence
from phiforge_client.submission import cancel
from tests.badinput.conftest import waves
from tests.integration.queue.conftest import Submit, waiting

pytestmark = pytest.mark.services


class Phiforge:
    """Runs commands as this fleet's client."""

    def __init__(self, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
        settings = platform.settings
        monkeypatch.setenv("PHIFORGE_HOME", str(settings.home))
        monkeypatch.setenv("PHIFORGE_REDIS_URL", settings.redis_url)
        monkeypatch.setenv("PHIFORGE_NAMESPACE", settings.namespace)

    def __call__(self, *arguments: str) -> str:
        """Return what is printed; raises what the command raised."""
        answer: Result = CliRunner(env={"COLUMNS": "300"}).invoke(cli.app, list(arguments))
        if answer.exception and not isinstance(answer.exception, SystemExit):
            raise answer.exception
        return answer.output


@pytest.fixture
def phiforge(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Phiforge:
    return Phiforge(platform, monkeypatch)


@pytest.fixture
def spec(tmp_path) -> str:
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(waves(name="told")))
    return str(path)


def test_submitted_with_a_wish(phiforge: Phiforge, platform: Platform, line: Line, queued: Submit, spec: str) -> None:
    # Given an active run, and one that waits
    first, second = queued(), queued()
    # If another is submitted with a priority and labels, I expect it to come before, and to be recorded with these,
    said = phiforge("submit", spec, "--priority", "7", "--label", "exp=a", "--label", "user=b")
    (third,) = re.findall(r"told-\d{8}-\d{6}-[0-9a-f]{4}", said)[:1]
    assert waiting(line) == [third, second]
    assert '"priority": 7' in phiforge("show", third)
    assert '"status": "queued, next"' in phiforge("show", third)
    # beside the spec, whose hash does not know of it;
    assert platform.run(third).spec.hash == platform.run(third).spec_hash
    assert "wish" not in platform.run(third).spec.to_json()
    # if one is submitted after another, named by its last part, and held, it to wait for both.
    said = phiforge("submit", spec, "--after", first.rpartition("-")[2], "--hold")
    (fourth,) = re.findall(r"told-\d{8}-\d{6}-[0-9a-f]{4}", said)[:1]
    assert line.held(fourth)
    phiforge("resume", fourth)
    assert [(each.run, each.behind) for each in line.behind_others()] == [(fourth, first)]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["submit", "SPEC", "--label", "exp"], "'exp' is no label"),
        (["submit", "SPEC", "--after", "nobody"], "there is no run 'nobody'"),
        (["cancel"], "which runs"),
        (["pause", "nobody-*"], "no run fits 'nobody-\\*'"),
        (["pause", "--label", "exp=nothing"], "no run has the label exp=nothing"),
        (["resume", "--label", "exp"], "'exp' is no label"),
        (["queue", "--at-once", "many"], "--at-once many: allowed are a number of runs from 1 on, and auto"),
        (["queue", "--at-once", "0"], "0 runs at once; allowed: 1 to 10000"),
        (["queue", "--share", "a b"], "'a b' is no name of a label"),
    ],
)
def test_what_cannot_be_is_said(
    phiforge: Phiforge, platform: Platform, queued: Submit, spec: str, arguments: list[str], expected: str
) -> None:
    # Given a run, if what cannot be is asked for, I expect a sentence that says so, and nothing to have changed.
    run = queued()
    before = list(platform.store.list(""))
    with pytest.raises(PhiforgeError, match=expected):
        phiforge(*(spec if each == "SPEC" else each for each in arguments))
    assert list(platform.store.list("")) == before
    assert platform.record.active() == [run]


def test_priorities_there_are(phiforge: Phiforge, spec: str) -> None:
    assert "less than or equal to 999" in phiforge("submit", spec, "--priority", "1000")
    assert "--priority" in phiforge("reprioritise", "any")
    assert "there is no run" in phiforge("runs")


def test_many_by_pattern(phiforge: Phiforge, platform: Platform, line: Line, queued: Submit) -> None:
    # Given an active run and many that wait, of two names
    active = queued("sweep")
    sweep, others = [queued("sweep") for _ in range(3)], [queued("other") for _ in range(2)]
    # If all of a name are paused, I expect the active one to give its place to one of the others, and all to be held;
    assert "paused 4 runs" in phiforge("pause", "sweep-*")
    assert platform.record.active() == [others[0]]
    assert {run for run in [active, *sweep] if line.held(run)} == {active, *sweep}
    assert waiting(line) == [others[1]]
    # if they are given a priority and resumed, to come before who waits;
    assert "priority 5 for 4 runs" in phiforge("reprioritise", "sweep-*", "--priority", "5")
    assert "resumed 4 runs" in phiforge("resume", "sweep-*")
    assert waiting(line) == [*sorted([active, *sweep]), others[1]]
    # if they are cancelled, to be over, and the one that is active to go on.
    assert "cancelled 4 runs" in phiforge("cancel", "sweep-*")
    assert waiting(line) == [others[1]]
    assert platform.record.active() == [others[0]]
    reconcile_all(platform)
    assert {platform.record.status(run) for run in [active, *sweep]} == {"cancelled"}


def test_many_by_label(phiforge: Phiforge, platform: Platform, line: Line, queued: Submit) -> None:
    # Given runs with labels, of which one is active and one is cancelled
    a = [queued(labels=(("exp", "a"), ("kind", str(number)))) for number in range(3)]
    b = queued(labels=(("exp", "b"),))
    cancel(platform, a[2])
    # If all of a label are paused, I expect those that go on to be held, and to be told of the one that is over;
    said = phiforge("pause", "--label", "exp=a")
    assert "paused 2 runs" in said
    assert f"left {a[2]} as it is: cannot pause run '{a[2]}': it is cancelled; allowed: running" in said
    assert platform.record.active() == [b]
    # if those of two labels are resumed, the one to be that has both, though it was over;
    assert f"resumed {a[2]}" in phiforge("resume", "--label", "exp=a", "--label", "kind=2")
    assert waiting(line) == [a[2]]
    # if a pattern and a label are given, those that fit both.
    assert f"cancelled {a[1]};" in phiforge("cancel", "waves-*", "--label", "kind=1")


def test_all_are_left_as_they_are(phiforge: Phiforge, queued: Submit) -> None:
    # Given two runs that are held, if they are to be held, I expect an error that says why not.
    queued(hold=True)
    queued(hold=True)
    with pytest.raises(PhiforgeError, match="is held already; `phiforge resume"):
        phiforge("pause", "waves-*")


def test_the_queue_is_shown(phiforge: Phiforge, platform: Platform, queued: Submit) -> None:
    # Given nobody, I expect that to be said;
    assert phiforge("queue").strip() == "0 active, 0 wait for their turn; as many at once as keep every trainer busy"
    # given an active run of known speed, one that waits, one that is held and one after the first
    first, second = queued(), queued(labels=(("exp", "a"),), priority=2)
    held, after = queued(hold=True), queued(after=(first,))
    platform.exchange.redis.hset(platform.exchange.key(first, "state"), "step_ms", "30000")
    Roster.of(platform, "training").beat()
    # I expect each with what it does or waits for, its priority and labels, and when, by the active run's speed.
    shown = phiforge("queue").splitlines()
    assert shown[0] == (
        "1 active, 1 wait for their turn, 1 for another run, 1 held; as many at once as keep every trainer busy"
    )
    assert shown[1].split() == ["run", "status", "priority", "labels", "starts", "in", "ends", "in"]
    expected = [
        f"{first} running 0 – – 2:00",
        f"{second} queued, next 2 exp=a 2:00 4:00",
        f"{after} queued, after {first} 0 – – –",
        f"{held} queued, held 0 – – –",
    ]
    assert [" ".join(row.split()) for row in shown[2:]] == expected
    assert "queued, next" in phiforge("runs")


def test_how_the_queue_is_served_is_set(phiforge: Phiforge, platform: Platform) -> None:
    # Given nothing set, if a number and a label are, I expect both to be kept and said, each until it is unset.
    assert "3 at once, shared fairly between the values of 'exp'" in phiforge(
        "queue", "--at-once", "3", "--share", "exp"
    )
    assert read_policy(platform.store) == Policy(3, "exp")
    phiforge("queue", "--at-once", "auto")
    assert read_policy(platform.store) == Policy(None, "exp")
    phiforge("queue", "--share", "none")
    assert read_policy(platform.store) == Policy()
    assert sentence(queue_view(platform)).endswith("as many at once as keep every trainer busy")


def test_the_active_run_cannot_be_reprioritised(phiforge: Phiforge, queued: Submit) -> None:
    run = queued()
    with pytest.raises(PhiforgeError, match="it is running; allowed: one that waits in the queue"):
        phiforge("reprioritise", run, "--priority", "1")
