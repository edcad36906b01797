"""Several objectives: what dominates what, proposals that spread along the front, and what is refused."""

import pytest

from phiforge.registry import PROPOSERS
from phiforge.search.history import Told
from phiforge.search.pareto import front
from phiforge.search.proposers import build_proposer
from phiforge.search.read import parse_study
from phiforge.spec.studies.dimension import Dimension
from phiforge.spec.studies.space import Space
from phiforge.spec.studies.study import StudySpec
from tests.unit.search.test_study_problems import changed, only

BOTH = [{"score": "accuracy"}, {"score": "parameters"}]
LENGTH = {"tasks": 25}
PLANE = Space({name: Dimension(type="float", low=0, high=1) for name in "xy"})


def test_what_is_dominated():
    # Given costs, I expect those to be left out that another is as good as in all, and better in one; not equal ones.
    assert front({0: (1, 5), 1: (2, 4), 2: (2, 6), 3: (1, 5), 4: (3, 4)}) == [0, 1, 3]
    assert front({}) == []


def test_recorded_with_goals():
    # Given two objectives, I expect the better way of each to be said, and the first to be that of the old fields.
    study = parse_study(changed(objectives=BOTH, objective=LENGTH))
    assert [(aim.score, aim.goal) for aim in study.aims] == [("accuracy", "maximise"), ("parameters", "minimise")]
    assert (study.objective.score, study.objective.goal, study.schema_version) == ("accuracy", "maximise", 2)
    assert StudySpec.from_json(study.to_json()) == study


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"objectives": BOTH, "objective": {"score": "loss"}}, "score and goal are theirs to say"),
        ({"objectives": BOTH[:1]}, "objectives: there is one; allowed: two or more"),
        (
            {"objectives": [*BOTH, {"score": "parameter"}]},
            "objectives.2.score: 'parameter' is not measured; allowed: loss",
        ),
        ({"objectives": [*BOTH, BOTH[0]]}, "objectives.2.score: 'accuracy' is given twice"),
        (
            {"objectives": BOTH, "proposer": {"name": "regularised_evolution"}},
            "takes one objective; allowed with several",
        ),
        ({"objectives": BOTH, "scheduler": {"name": "hyperband"}}, "'hyperband' compares by one objective"),
        ({"objective": {"score": "parameters"}}, "'parameters' is not measured by the base"),
        ({"objectives": BOTH, "proposer": {"name": "nsga_ii"}, "generation": 1}, "generations of 2 trials or more"),
    ],
)
def test_what_does_not_go_together(sections, said):
    only(said, **{"objective": LENGTH} | sections)


@pytest.mark.parametrize("name", ["nsga_ii", "tpe"])
def test_a_front_is_found(name):
    # Given two objectives that cannot both be had, and a third of the plane where neither is: y above 0.3
    def costs(point):
        return (point["x"] + point["y"], 1 - point["x"] + point["y"])

    def searched(name):
        told = []
        for generation in range(8):
            proposer = build_proposer(PROPOSERS[name].Config(), PLANE, seed=0)
            proposer.aims = 2
            numbers = range(8 * generation, 8 * generation + 8)
            points = proposer.propose(told, numbers)
            new = [(number, point, costs(point)) for number, point in zip(numbers, points, strict=True)]
            told = [*told, *(Told(number, generation, point, found[0], 1.0, found) for number, point, found in new)]
        return told

    # I expect the later half of its trials to lie closer to the front than chance has it, which is 0.5 on average,
    told = searched(name)
    assert sum(each.point["y"] for each in told[32:]) / 32 < 0.35
    # along all of it, and the same when it is asked again.
    late = [each.point["x"] for each in told[32:]]
    assert max(late) - min(late) > 0.5
    assert searched(name) == told
