"""What a person sees of runs, and how a run's id may be given."""

import dataclasses
import io
import json
from types import SimpleNamespace

import pytest
import redis
from rich.console import Console

from phiforge.base.errors import RunError
from phiforge.runs.record import Record, RunStatus
from phiforge.runs.run_ids import run_of
from phiforge.runs.store import LocalStore
from phiforge.runs.submitted import RunRecord
from phiforge.spec.run import RunSpec
from phiforge_client.run_ids import shortened
from phiforge_client.table import print_table
from phiforge_client.view import RunView, all_views, view_of, watch

RUNS = ["demo-maml-20261130-111610-ab12", "demo-maml-20261130-121610-cd34", "other-20261129-101010-ab13"]


@pytest.fixture
def record(tmp_path):
    """A record of three runs, submitted in an order that is not that of their ids."""
    record = Record(LocalStore(tmp_path / "store"))
    for age, run in zip((1.0, 3.0, 2.0), RUNS, strict=True):
        spec = RunSpec()
        record.create(RunRecord(run, spec, spec.hash, "digest", (1, 28, 28), 300, age))
    return record


class Away:
    """A Redis that fails in some way, whatever it is asked; it counts how often."""

    def __init__(self, error):
        self.asked, self.error, self.redis = 0, error, self

    def ping(self):
        self.asked += 1
        raise self.error

    def state(self, run):
        return self.ping()

    def summaries(self, run):
        return self.ping()

    def judged(self, run):
        return self.ping()

    def now(self):
        return self.ping()


def platform_of(record, error=redis.TimeoutError):
    return SimpleNamespace(record=record, store=record.store, exchange=Away(error("no answer")))


@pytest.mark.parametrize("error", [redis.ConnectionError, redis.TimeoutError])
def test_runs_are_seen_whatever_redis_does(record, error):
    # Given a Redis that is away or hangs, I expect every run, oldest first, and Redis to be asked once, not for each.
    platform = platform_of(record, error)
    assert [view.run for view in all_views(platform)] == [RUNS[0], RUNS[2], RUNS[1]]
    assert platform.exchange.asked == 1


def test_a_run_without_a_checkpoint_is_seen(record):
    # Given a run whose checkpoints are all gone, I expect it to be shown, with no version.
    view = view_of(platform_of(record), RUNS[0])
    assert (view.version, view.status) == (None, "standing: no Redis")
    assert "–/1000" in printed([view], 80)


@pytest.mark.parametrize(
    "key",
    ["submitted/{}.json", "runs/{}/report.json", "runs/{}/scores/validation/00000100.json"],
)
@pytest.mark.parametrize("value", [b"{}", b"no JSON", b"[]", b"{", b'{"test": {"x": 1}}'])
def test_a_run_that_cannot_be_read_does_not_hide_the_others(record, key, value):
    # Given something of a run that is damaged, I expect the others as ever, and that one among them.
    record.store.put(key.format(RUNS[0]), value)
    views = {view.run: view.status for view in all_views(platform_of(record))}
    assert views[RUNS[0]] in ("complete", "standing: no Redis") or views[RUNS[0]].startswith("unreadable: ")
    assert {views[RUNS[1]], views[RUNS[2]]} == {"standing: no Redis"}


def test_a_complete_run_ends_with_its_test_accuracy(record):
    # Given a complete run with scores of both splits, I expect those of the test episodes, and to be told so;
    record.save_scores(RUNS[0], "validation", 100, {"loss": 1.0, "accuracy": 0.9, "accuracy_ci95": 0.01})
    record.save_report(RUNS[0], {"run": RUNS[0], "test": {"accuracy": 0.8, "accuracy_ci95": 0.02}})
    platform, out = platform_of(record), io.StringIO()
    assert "test 80.0 ± 2.0 %" in printed([view_of(platform, RUNS[0])], 80)
    watch(platform, [RUNS[0]], Console(file=out), lambda: None)
    assert "test 80.0 ± 2.0 %" in out.getvalue()
    # of a run that goes on, those of the validation.
    record.save_scores(RUNS[1], "validation", 100, {"loss": 1.0, "accuracy": 0.7, "accuracy_ci95": 0.01})
    assert "validation 70.0 ± 1.0 %" in printed([view_of(platform, RUNS[1])], 80)


def printed(views, columns, terminal=True):
    out = io.StringIO()
    console = Console(file=out, width=columns, force_terminal=terminal, color_system=None)
    print_table(console, views)
    return out.getvalue()


def long_view(run=RUNS[0], status="evaluating"):
    return RunView(run, status, 100_000, 100_000, 1234.5, 1.234, 0.974, 0.004, "validation", 3599.0, 1.0)


def test_figures_are_whole_at_80_columns():
    # Given the longest figures there are, I expect each of them in 80 columns, and an id that can be given back.
    lines = printed([long_view(), long_view(status="running")], 80).splitlines()
    assert max(map(len, lines)) <= 80
    for figure in ("100000/100000", "1234.5", "1.234", "validation 97.4 ± 0.4 %", "59:59"):
        assert any(figure in line for line in lines), figure
    assert "…-ab12" in lines[1]


def test_why_a_run_stands_is_folded():
    # Given a run that stands, I expect a table at 80 columns still, with all of the reason,
    stands = RunView(RUNS[0], "standing: no trainer, for 1:02", 3, 20, 0.0, 1.234, None, 0.0, "", None, 1.0)
    lines = printed([stands], 80).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split()[:2] == ["run", "status"]
    assert {"standing:", "no", "trainer,", "for", "1:02"} <= set(" ".join(lines).split())
    # and one line of it in a pipe.
    assert "standing: no trainer, for 1:02" in printed([stands], 80, terminal=False)


def test_a_pipe_gets_whole_ids():
    assert RUNS[0] in printed([long_view()], 80, terminal=False)


@pytest.mark.parametrize("columns", [1, 2, 20, 40, 60, 70, 80, 200])
def test_any_terminal(columns):
    # Given a terminal of any width, I expect all of the figures, in as many lines as it takes.
    shown = "".join(printed([long_view(status="running")], columns).split())
    for figure in ("100000/100000", "1234.5", "1.234", "validation97.4±0.4%", "59:59", "ab12"):
        assert figure in shown


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (RUNS[0], 0),
        ("other", 2),
        ("demo-maml-20261130-12", 1),
        ("ab12", 0),
        ("cd34", 1),
        ("20261129-101010-ab13", 2),
        (shortened(RUNS[0], 15), 0),
        ("…cd34", 1),
        ("demo...cd34", 1),
    ],
)
def test_so_much_of_an_id_as_says_which(record, given, meant):
    assert run_of(record, given) == RUNS[meant]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("demo", f"'demo' may be any of {RUNS[0]}, {RUNS[1]}; give more letters"),
        ("ab", "there is no run 'ab' in file://"),
        ("otter-20261129-101010-ab13", f"did you mean '{RUNS[2]}'"),
        ("", "'' is no run's id, which is of a-z"),
        ("../x", "'../x' is no run's id"),
        ("/etc/passwd", "is no run's id"),
        ("A B", "is no run's id"),
        ("*", "is no run's id"),
        ("…", "may be any of"),
        ("a" * 5000, "is no run's id"),
        ("[red]", "is no run's id"),
        ("x\0y", "is no run's id"),
    ],
)
def test_ids_that_do_not_say_which(record, given, sentence):
    with pytest.raises(RunError) as caught:
        run_of(record, given)
    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_whole_id_is_meant_even_if_another_begins_with_it(record):
    spec = RunSpec()
    record.create(RunRecord("other", spec, spec.hash, "digest", (1, 28, 28), 300, 0.0))
    assert run_of(record, "other") == "other"


@pytest.mark.parametrize("run", [*RUNS, "x", "a" * 100])
@pytest.mark.parametrize("width", [1, 5, 10, 29, 30, 200])
def test_what_is_shortened_keeps_its_last_part(run, width):
    short = shortened(run, width)
    assert short == run or short.endswith(run.rpartition("-")[2])
    assert len(short) <= max(width, len(run.rpartition("-")[2]) + 2)


def test_the_report_is_json(record):
    record.save_report(RUNS[0], {"run": RUNS[0], "test": {"accuracy": 0.8, "accuracy_ci95": 0.02}})
    assert json.loads(record.store.get(f"runs/{RUNS[0]}/report.json"))
    assert record.status(RUNS[0]) is RunStatus.COMPLETE


def test_latest_is_the_run_that_was_submitted_last(record):
    # Given runs whose ids say when they were submitted, I expect the last of them, whatever the order of names.
    assert run_of(record, "latest") == RUNS[1]
    # Given two of one second, I expect their records to decide.
    spec = RunSpec()
    for age, run in ((5.0, "zzz-20261130-131313-0001"), (6.0, "aaa-20261130-131313-0002")):
        record.create(RunRecord(run, spec, spec.hash, "digest", (1, 28, 28), 300, age))
    assert run_of(record, "latest") == "aaa-20261130-131313-0002"


def test_latest_of_no_run_is_none(tmp_path):
    with pytest.raises(RunError, match="there is no run 'latest'"):
        run_of(Record(LocalStore(tmp_path)), "latest")


def test_labels_are_shown_wherever_they_fit(record):
    # Given a run with labels, I expect them below its id at 80 columns, and in a column of their own in a pipe.
    views = [dataclasses.replace(view_of(platform_of(record), RUNS[0]), labels=(("exp", "a"), ("size", "9")))]
    lines = printed(views, 80).splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert any(line.strip() == "exp=a size=9" for line in lines)
    assert "exp=a size=9" in printed(views, 1000).splitlines()[1]
    assert views[0].to_json()["labels"] == {"exp": "a", "size": "9"}
