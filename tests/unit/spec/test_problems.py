"""Every problem at once, each with what was allowed."""

import pytest

from phiforge.base.errors import SpecError
from phiforge.registry import DATA
from phiforge.spec.read import parse_spec
from tests.unit.spec.cases import METRIC, facts_of, problems_of
from tests.unit.spec.problems import PROBLEMS, WAVES


@pytest.mark.parametrize(
    ("raw", "expected"), PROBLEMS, ids=lambda value: str(value)[:60] if isinstance(value, dict) else ""
)
def test_problems(raw, expected):
    # Given a spec with a problem, I expect it to be named with its place and what is allowed, and no other.
    found = problems_of(raw)
    assert len(found) == len(expected)
    for sentence, start in zip(found, expected, strict=True):
        assert sentence.startswith(start)


@pytest.mark.parametrize(
    "raw",
    [
        {"data": {"name": "glyphs", "image_size": 15}, "learner": {"name": "pixel_nearest_neighbour"}}
        | {"estimator": {"name": "none"}, "outer": {"versions": 0}},
        {"task": {"n_way": 75, "k_shot": 10, "n_query": 10}},
        {"learner": {"name": "prototypical"}, "task": {"n_way": 300}, "evaluation": {"task": {"n_way": 75}}},
        {"outer": {"meta_batch": 12, "job_size": 12}},
        {"name": "a" * 48},
        {"data": {"name": "glyphs", "image_size": 8}, "learner": {"name": "maml", "network": {"name": "mlp"}}},
        {"data": {"name": "glyphs", "image_size": 8}}
        | {"learner": {"name": "maml", "network": {"name": "conv4", "pools": 3}}},
        WAVES,
        WAVES | {"task": {"n_way": 1, "k_shot": 1000}, "evaluation": {"task": {"n_way": 1}}},
        *({"learner": {"name": name}, "evaluation": {"task": {"n_way": 20}}} for name in METRIC),
    ],
    ids=str,
)
def test_specs_that_are_just_allowed(raw):
    parse_spec(raw, facts_of)


@pytest.mark.parametrize("k_shot", [*range(1, 21), 30, 70])
def test_shares_that_are_named_are_allowed(k_shot):
    # Given a share of wrong labels that is refused, I expect every share that the refusal names to be allowed.
    def spec(share):
        task = {"k_shot": k_shot, "n_query": 1, "n_way": 5}
        return {"task": task, "sampling": {"label_noise": share}, "data": {"name": "images"}}

    [said, *_] = problems_of(spec(0.5 / k_shot if k_shot < 50 else 0.0071))
    for share in said.rpartition(": ")[2].split(", "):
        assert parse_spec(spec(float(share))).sampling.label_noise == float(share)


def test_wrong_labels_of_a_family(monkeypatch):
    # Given tasks with labels that are drawn from a formula, if some are to be wrong, I expect a refusal.
    monkeypatch.setattr(DATA["images"], "published", False)
    [said, *_] = problems_of({"data": {"name": "images"}, "task": {"k_shot": 5}, "sampling": {"label_noise": 0.2}})
    assert (
        said
        == "sampling.label_noise: 0.2, but data 'images' is drawn from a formula, whose labels stay right; allowed: 0"
    )


def test_all_problems_at_once():
    # Given a spec with problems in and between all kinds of sections
    raw = {
        "name": "No Good",
        "task": {"k_shot": 30, "n_query": 0},
        "lerner": 3,
        "learner": {"name": "pixel_nearest_neighbour"},
        "outer": {"job_size": 5, "versions": 10},
        "numerics": {"dtype": "int8", "threads": 1000},
        "evaluation": {"task": {"n_way": 500}},
    }
    found = problems_of(raw)
    # I expect each of them, once,
    expected = [
        "name: 'No Good' is no name",
        "task.n_query: Input",
        "lerner: unknown",
        "numerics.threads: Input",
        "numerics.dtype: Input",
        "outer.job_size: 5 does not divide",
        "estimator.name: learner 'pixel_nearest_neighbour'",
        "evaluation.task.n_way: 500 ways, but the validation",
        "evaluation.task.n_way: 500 ways, but the test",
    ]
    assert [start for start in expected if sum(sentence.startswith(start) for sentence in found) == 1] == expected
    assert len(found) == len(expected)
    # and the message to have them all, with how many they are.
    message = str(SpecError(found))
    assert message.startswith("the spec has 9 problems:\n")
    assert all(f"  - {sentence}" in message.splitlines() for sentence in found)


def test_one_problem_is_one():
    assert str(SpecError(["task: bad"])) == "the spec has 1 problem:\n  - task: bad"


def test_the_dataset_is_asked_only_for_a_valid_section():
    # Given a data section with a problem, I expect that problem and no look-up.
    with pytest.raises(SpecError, match=r"1 problem:\n  - data\.name: 'mnist' is unknown"):
        parse_spec({"data": {"name": "mnist"}}, lambda data: pytest.fail("it was looked up"))
