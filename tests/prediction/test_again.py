"""An existing φ judged again."""

import pytest

from phiforge.base.errors import RunError, SpecError
from phiforge.learning.meta_training import judge
from phiforge.prediction.again import judge_again
from phiforge.runs.checkpoints import Checkpoints
from phiforge.runs.datasets import load
from phiforge.runs.record import Record
from phiforge.runs.store import LocalStore
from phiforge.tasks.drawing import Tasks
from phiforge.tasks.pool import Pool


@pytest.fixture
def store(home):
    """Where the runs are."""
    return LocalStore(home / "store")


def test_as_its_own_evaluators_would(store, runs):
    # Given a run, if it is judged again without a change
    run = runs("proto")
    found = judge_again(store, run)
    # I expect the scores of the same tasks by the functions that evaluators use,
    record = Record(store).run(run)
    phi = Checkpoints(Record(store)).load(run, 40).phi
    wanted = judge(record.spec, phi, Tasks(record.spec, pool=Pool(load(record.dataset, store))).judged())
    assert found.scores["accuracy"].mean == pytest.approx(wanted["accuracy"].mean)
    assert found.scores["loss"].mean == pytest.approx(wanted["loss"].mean, rel=1e-5)
    assert (found.tasks, found.version, found.inner_steps) == (20, 40, None)
    # and, as it is transductive, what it does with one query at a time.
    assert found.transductive
    assert found.one_at_a_time is not None


def test_with_other_shapes_and_steps(store, runs):
    # Given MAML whose steps on unseen tasks nobody gave, if it is judged again, I expect them to be chosen;
    few = ["evaluation.validation_tasks=6"]
    chosen = judge_again(store, runs("maml"), few)
    assert chosen.inner_steps in (1, 2, 3, 5, 10)
    # if they are given, and another number of shots, I expect these.
    shape = "evaluation.task={n_way: 5, k_shot: 3, n_query: 2}"
    given = judge_again(store, runs("maml"), [*few, shape, "learner.inner_steps_evaluation=1"])
    assert (given.inner_steps, given.k_shot, given.n_query, given.tasks) == (None, 3, 2, 6)


@pytest.mark.parametrize(
    ("override", "error", "said"),
    [
        ("evaluation.task={n_way: 7, k_shot: 1, n_query: 2}", SpecError, "head for the 5 ways"),
        ("data.jitter=0.5", SpecError, "the dataset that its run published"),
        ("learner.network.channels=8", RunError, "does not fit"),
        ("evaluation.task={n_way: 5, k_shot: 1, n_query: 100}", SpecError, "n_query"),
    ],
)
def test_what_cannot_be_is_refused(store, runs, override, error, said):
    # Given a change that φ does not fit, if it is judged again, I expect a sentence that says why.
    with pytest.raises(error, match=said):
        judge_again(store, runs("maml"), [override])


def test_the_command(runs, home, capsys, monkeypatch):
    # Given the command, if it is run, I expect both accuracies of a transductive learner.
    from phiforge_client.commands.predictions import evaluate

    monkeypatch.setenv("PHIFORGE_HOME", str(home))
    evaluate(runs("proto"), ["evaluation.validation_tasks=4"])
    said = capsys.readouterr().out
    assert "4 validation tasks, 5-way 1-shot, 3 queries a class" in said
    assert "one query at a time: accuracy" in said
