"""How much each field matters, against a function of which that is known."""

import random

from phiforge.search.history import Told
from phiforge.search.importance import FEWEST, importance
from phiforge.spec.studies.dimension import Dimension
from phiforge.spec.studies.space import Space

SPACE = Space(
    {
        "much": Dimension(type="float", low=-1, high=1),
        "little": Dimension(type="log", low=0.001, high=1),
        "kind": Dimension(type="choice", values=["a", {"name": "b"}]),
        "of_a": Dimension(type="int", low=1, high=5, when={"kind": "a"}),
    }
)


def tried(count: int) -> list[Told]:
    """Return trials whose cost follows from ``much``, and a little from ``kind``."""
    draw = random.Random(0)
    points = [SPACE.point(lambda field: draw.random()) for _ in range(count)]
    costs = [point["much"] ** 2 + 0.1 * (point["kind"] == "a") for point in points]
    return [Told(number, 0, point, cost) for number, (point, cost) in enumerate(zip(points, costs, strict=True))]


def test_what_matters_most_is_found():
    # Given 60 trials, I expect shares of one, the largest first, most of it that of the field that decides.
    shares = importance(SPACE, tried(60))
    assert next(iter(shares)) == "much"
    assert shares["much"] > 0.5
    assert abs(sum(shares.values()) - 1) < 1e-9
    assert set(shares) == set(SPACE)
    # So too by trials that failed or were stopped beside them, which say nothing.
    others = [Told(99, 0, SPACE.point(lambda field: 0.5), None), Told(98, 0, SPACE.point(lambda field: 0.5), -9.0, 0.3)]
    assert importance(SPACE, [*tried(60), *others]) == shares


def test_of_a_field_that_no_trial_has_nothing_is_said():
    # Given trials of which none has the field with a condition, I expect shares of the others alone.
    others = [told for told in tried(60) if "of_a" not in told.point]
    assert set(importance(SPACE, others)) == {"much", "little", "kind"}


def test_of_few_trials_nothing_is_said():
    # Given fewer trials than say anything, I expect nothing; of trials that are all alike, that no field matters more.
    assert importance(SPACE, tried(FEWEST - 1)) is None
    alike = [told._replace(cost=1.0) for told in tried(20)]
    assert len(set(importance(SPACE, alike).values())) == 1
