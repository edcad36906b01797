"""A study's file is read whole before anything is done, and every fault in it is said at once."""

import pytest

from phiforge.base.errors import SpecError
from phiforge.search.read import parse_study
from phiforge.spec.studies.study import StudySpec
from phiforge.spec.text import parse_text

GOOD = """
base: {data: {name: sinusoid}, task: {n_way: 1, k_shot: 4, n_query: 4}, learner: {name: maml, network: {name: mlp}},
  outer: {meta_batch: 6, job_size: 2}}
space:
  learner.inner_lr: {type: log, low: 0.001, high: 0.1}
  outer.optimizer: {type: choice, values: [{name: adam}, {name: sgd}]}
  outer.optimizer.momentum: {type: float, low: 0, high: 0.9, when: {outer.optimizer: {name: sgd}}}
budget: {trials: 8}
objective: {tasks: 25}
"""


def changed(**sections):
    """Return the raw study with sections replaced."""
    return parse_text(GOOD) | sections


def problems(**sections):
    """Return what is wrong with it."""
    with pytest.raises(SpecError, match="the study has") as caught:
        parse_study(changed(**sections))
    return caught.value.problems


def only(text, **sections):
    """Expect that alone to be wrong."""
    [found] = problems(**sections)
    assert text in found, found


LOG = {"type": "log", "low": 0.001, "high": 0.1}


def test_a_good_one_is_recorded_and_read_back():
    # Given a study, I expect its objective to be said whole, and what is recorded of it to be it.
    study = parse_study(changed())
    assert (study.objective.score, study.objective.goal) == ("loss", "minimise")
    assert StudySpec.from_json(study.to_json()) == study
    assert StudySpec.from_json(study.to_json()).hash == study.hash


def test_every_fault_is_said_at_once():
    # Given a study with a fault in every section, I expect each to be said.
    found = problems(
        nme="x",
        base={"outer": {"lrr": 1}},
        space={"a": {"type": "int", "low": 3, "high": 1}, "b": {"type": "choice"}, "c": 3},
        proposer={"name": "rndom"},
        budget={"trials": 0},
        generation="many",
        scheduler={"name": "halving"},
    )
    text = "\n".join(found)
    for said in (
        "nme: unknown; allowed here: name, seed, base",
        "base.outer.lrr: unknown",
        "space.a: from low 3 to high 1 there is nothing",
        "space.b.values: a choice of nothing",
        "space.c: ",
        "proposer.name: 'rndom' is unknown; allowed: cma_es, controller",
        "did you mean 'random'?",
        "budget.trials: ",
        "generation: ",
        "scheduler.name: 'halving' is unknown",
    ):
        assert said in text, said


@pytest.mark.parametrize(
    ("field", "dimension", "said"),
    [
        ("outer.lrr", LOG, "space.outer.lrr: unknown; allowed here"),
        ("learner.inner_lr", LOG | {"low": -1}, "space.learner.inner_lr.low: -1 has no order of magnitude"),
        ("outer.lr", {"type": "float", "low": -1, "high": 1}, "space.outer.lr: Input should be greater than 0"),
        (
            "learner.inner_steps",
            LOG | {"high": 3, "low": 1},
            "space.learner.inner_steps: Input should be a valid integer",
        ),
        ("learner.inner_steps", {"type": "int", "low": 1.5, "high": 3}, "allowed of type 'int': whole numbers"),
        ("learner.name", {"type": "choice", "values": ["maml", "mam"]}, "space.learner.name: 'mam' is unknown"),
        ("seed", {"type": "choice", "values": [1, 1]}, "space.seed.values: 1 is given twice"),
        ("seed", {"type": "choice", "values": [1], "low": 3}, "a choice has values, not low and high"),
        ("seed", {"type": "int", "values": [1]}, "has low and high, not values"),
        ("seed", {"type": "int", "low": 1}, "space.seed: type 'int' needs low and high"),
        ("seed", {"type": "integer"}, "space.seed.type: Input should be 'choice', 'int'"),
        ("evaluation.seed", {"type": "int", "low": 1, "high": 3}, "all trials have the same evaluation"),
        ("name", {"type": "choice", "values": ["a", "b"]}, "all trials have the same name"),
        ("outer.versions", {"type": "int", "low": 1, "high": 3}, "allowed: objective.tasks or objective.versions"),
        ("data.seed", {"type": "int", "low": 0, "high": 99}, "space.data.seed: 100 datasets; allowed"),
        ("seed.deep", LOG, "'seed' is no section in the base"),
    ],
)
def test_fields(field, dimension, said):
    base = parse_text(GOOD)["base"] | {"seed": 3}
    only(said, base=base, space={field: dimension})


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ({"outer.lrx": 1}, "'outer.lrx' is no field of the space, which has outer.lr, seed; did you mean 'outer.lr'?"),
        ({"outer.lr": 5}, "5 is none of its values, 0.001 to 0.1"),
        ({"seed": 1}, "a circle of conditions"),
    ],
)
def test_conditions(when, said):
    seed = {"type": "int", "low": 0, "high": 3}
    only(said, space={"outer.lr": LOG, "seed": seed | {"when": when}})


def test_a_circle_of_two():
    space = {"outer.lr": LOG | {"when": {"learner.inner_lr": 0.1}}}
    space["learner.inner_lr"] = LOG | {"when": {"outer.lr": 0.1}}
    only("space: ", space=space)
    only("a circle of conditions; take one of them away", space=space)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"objective": {"score": "acuracy"}}, "'acuracy' is not measured by the base; allowed: loss, accuracy"),
        ({"objective": {"tasks": 9, "versions": 9}}, "objective: tasks and versions both say how long"),
        ({"budget": {}}, "budget: nothing ends this study"),
        ({"budget": {"tasks": 29}}, "budget.tasks: 29 cannot hold one trial, which takes 30 tasks"),
        ({"proposer": {"name": "controller"}, "space": {"outer.lr": LOG}}, "'controller' takes choices"),
        ({"base": "maml"}, "base: 'maml'; allowed"),
        ({"space": {}}, "space: {}; allowed: fields"),
        ({"space": {"outer.meta_batch": {"type": "choice", "values": [5, 7]}}}, "of 64 points that were drawn none is"),
    ],
)
def test_what_does_not_go_together(sections, said):
    only(said, **sections)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"scheduler": {"name": "asha"}}, "'asha' needs asynchronous proposals; give proposals: asynchronous"),
        (
            {"scheduler": {"name": "successive_halving"}, "proposals": "asynchronous"},
            "scheduler.name: 'successive_halving' compares the trials of a generation; allowed with asynchronous "
            "proposals: asha, median_stopping, to_the_end",
        ),
        (
            {"proposer": {"name": "controller"}, "space": {"seed": {"type": "choice", "values": [1, 2]}}}
            | {"proposals": "asynchronous"},
            "proposer.name: 'controller' learns of whole generations; allowed",
        ),
        ({"proposals": "sometimes"}, "proposals: Input should be 'generations' or 'asynchronous'"),
    ],
)
def test_who_waits_for_whom(sections, said):
    only(said, **sections)


def test_population_based_training_has_no_other_schedule():
    # Given trials that go on from each other, I expect schedulers, schedules and populations of one to be refused.
    pbt = {"proposer": {"name": "population_based_training"}}
    only("none is stopped; allowed: to_the_end", **pbt, scheduler={"name": "successive_halving"})
    only("populations of 2 trials or more, and generation is 1", **pbt, generation=1)
    only("learns of whole generations", **pbt, proposals="asynchronous")
    space = parse_text(GOOD)["space"] | {"outer.schedule": {"type": "choice", "values": ["constant", "cosine"]}}
    only("learns the schedule itself", **pbt, space=space)
    whole = {"outer": {"type": "choice", "values": [{"versions": 40}, {"versions": 40, "schedule": "cosine"}]}}
    only("learns the schedule itself", **pbt, space=whole)


def test_what_is_not_used_is_not_recorded():
    # Given a study as earlier versions know them, I expect them to be able to read it, and one that says more not.
    study, asynchronous = parse_study(changed()), parse_study(changed(proposals="asynchronous"))
    assert (study.schema_version, "proposals" in study.to_json()) == (1, False)
    assert (asynchronous.schema_version, asynchronous.to_json()["proposals"]) == (2, "asynchronous")


def test_cma_es_takes_numbers_alone():
    # Given choices, conditions and small generations, I expect each to be a reason that CMA-ES cannot take it.
    found = problems(proposer={"name": "cma_es"}, generation=2)
    assert [each for each in found if not each.startswith("proposer.name: 'cma_es' takes")] == []
    for said in ("numbers alone, not choices such as outer.optimizer", "no conditional fields", "generations of 4"):
        assert any(said in each for each in found), said
    only("two fields or more", proposer={"name": "cma_es"}, space={"outer.lr": LOG})


def test_a_grid_needs_no_budget():
    # Given a proposer that runs out by itself, I expect a study without a budget to be allowed.
    assert parse_study(changed(proposer={"name": "grid"}, budget={})).budget.trials is None
