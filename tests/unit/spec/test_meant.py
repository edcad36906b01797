"""A problem says what was probably meant, and what to write."""

import pytest

from phiforge.base.errors import SpecError
from phiforge.base.nearest import did_you_mean
from phiforge.spec.read import parse_spec, read_spec
from tests.unit.spec.cases import PLAIN, SPECS, facts_of, problems_of, read


@pytest.mark.parametrize(
    ("given", "end"),
    [
        ("sead", "; did you mean 'seed'?"),
        ("SEED", "; did you mean 'seed'?"),
        ("lerner", "; did you mean 'learner'?"),
        ("quite another thing", ""),
        (3, ""),
        (None, ""),
        (["seed"], ""),
        ("s" * 100_000, ""),
    ],
)
def test_the_nearest_name(given, end):
    assert did_you_mean(given, ["seed", "name", "learner"]) == end


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("sead=3", "did you mean 'seed'?"),
        ("outer.version=3", "did you mean 'versions'?"),
        ("learner.name=mmaml", "did you mean 'maml'?"),
        ("outer.optimizer.name=Adam", "did you mean 'adam'?"),
        ("outer.optimizer.momentun=0.5", "did you mean 'momentum'?"),
        ("learner.network.name=convv4", "did you mean 'conv4'?"),
        ("scores=[{name: acuracy}]", "did you mean 'accuracy'?"),
        ("evaluation.task.n_ways=3", "did you mean 'n_way'?"),
        ("lr=0.5", "did you mean 'outer.lr'?"),
        ("n_way=3", "did you mean 'task.n_way'?"),
        ("learner=maml", "write {name: maml}"),
        ("name=12", "in quotes it is text: '12'"),
        ("name=My_Run", "allowed are 1 to 48 of a-z, 0-9 and '-', not '-' at first, like my-run-2"),
    ],
)
def test_what_was_meant(tmp_path, override, problem):
    # Given a slip in the name of a field, a part or a run, wherever it is, I expect the one that is near.
    (found,) = problems_of(read(tmp_path, PLAIN, override))
    assert found.endswith(problem)


def test_one_part_for_another_takes_a_new_section(tmp_path):
    # Given a file whose learner has settings, if only its name is changed, to a learner that has none of them
    change = ("estimator.name=none", "outer={versions: 0}")
    found = problems_of(read(tmp_path, PLAIN, "learner.name=pixel_nearest_neighbour", *change))
    # I expect to be told how to replace the section,
    assert [problem.partition(":")[0] for problem in found] == ["learner.inner_lr", "learner.network"]
    told = "--set learner='{name: pixel_nearest_neighbour}'"
    assert all(problem.endswith(told) for problem in found)
    # and that to do it.
    spec = parse_spec(read(tmp_path, PLAIN, "learner={name: pixel_nearest_neighbour}", *change), facts_of)
    assert spec.learner.name == "pixel_nearest_neighbour"


def test_a_head_of_other_ways_than_the_judged_tasks(tmp_path):
    # Given a learner whose head is of seven ways, if it is to be judged with more or fewer, I expect a sentence.
    for n_way in (8, 4):
        (found,) = problems_of(read(tmp_path, PLAIN, f"evaluation.task.n_way={n_way}"))
        assert found == (
            f"evaluation.task.n_way: {n_way}, but learner 'maml' has a head for the 7 ways of training; allowed: 7"
        )


def test_a_file_that_is_not_there():
    # Given a slip in a file's name, I expect the one beside it; nothing where there is no such folder.
    with pytest.raises(SpecError, match=r"No such file or directory; did you mean 'demo-maml\.yaml'\?"):
        read_spec(SPECS / "demo-mmal.yaml")
    with pytest.raises(SpecError, match=r"No such file or directory$"):
        read_spec(SPECS / "nowhere" / "demo-maml.yaml")
    with pytest.raises(SpecError, match=r"No such file or directory$"):
        read_spec(SPECS / "quite-another.yaml")
