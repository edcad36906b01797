"""Spaces: which values fields have, and which are set where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiforge.spec.studies.dimension import Dimension
from phiforge.spec.studies.space import Space, circle, holds
from tests.unit.search.spaces import dimensions, spaces

units = st.floats(0, 1, exclude_max=True)


@given(dimensions, units)
def test_every_number_stands_for_a_value(dimension, unit):
    # Given a field and a number below 1, I expect a value of the field, the same each time,
    value = dimension.value_at(unit)
    assert value == dimension.value_at(unit)
    if dimension.is_choice:
        assert value in dimension.values
        return
    low, high = dimension.bounds
    assert low <= value <= high
    # and the value to stand for itself, but for what is rounded.
    assert dimension.value_at(min(dimension.unit_of(value), 1 - 1e-12)) == pytest.approx(value, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(
    ("dimension", "unit", "value"),
    [
        (Dimension(type="log", low=1e-4, high=1e-2), 0.5, 1e-3),
        (Dimension(type="float", low=-1, high=1), 0.25, -0.5),
        (Dimension(type="int", low=1, high=4), 0.999, 4),
        (Dimension(type="int", low=1, high=4), 0.0, 1),
        (Dimension(type="log_int", low=1, high=7), 0.34, 2),
        (Dimension(type="choice", values=[True, "no", {"name": "sgd"}]), 0.0, True),
        (Dimension(type="choice", values=[True, "no", {"name": "sgd"}]), 0.7, {"name": "sgd"}),
    ],
)
def test_values_in_closed_form(dimension, unit, value):
    # Given a number, I expect the value that its scale says.
    assert dimension.value_at(unit) == value
    assert type(dimension.value_at(unit)) is type(value)


def test_whole_numbers_are_as_likely():
    # Given whole numbers, if numbers are spread evenly, I expect each as often.
    dimension = Dimension(type="int", low=3, high=6)
    found = [dimension.value_at(index / 400) for index in range(400)]
    assert [found.count(value) for value in range(3, 7)] == [100] * 4


@given(spaces(), st.randoms(use_true_random=False))
def test_a_field_is_set_where_its_conditions_hold(space, random):
    # Given a space and a point of it, I expect exactly those fields whose conditions hold, after those they depend on.
    point = space.point(lambda field: random.random())
    for field, dimension in space.items():
        wanted = all(other in point and holds(value, point[other]) for other, value in dimension.when.items())
        assert (field in point) == wanted
        assert all(list(space).index(other) < list(space).index(field) for other in dimension.when)


def test_one_is_not_true():
    # Given a condition on the number 1, I expect a truth value not to meet it, alone or in a list.
    assert holds(1, 1)
    assert not holds(1, True)
    assert holds([0, True], True)
    assert not holds([0, 1], True)


def test_a_circle_is_found():
    # Given fields that depend on each other in a circle, I expect it to be named, and no space.
    one = {"type": "int", "low": 0, "high": 1}
    fields = {"a": Dimension(**one, when={"b": 1}), "b": Dimension(**one, when={"c": 1})}
    assert circle(fields | {"c": Dimension(**one)}) == []
    fields["c"] = Dimension(**one, when={"a": 1})
    assert set(circle(fields)) == {"a", "b", "c"}
    with pytest.raises(ValueError, match="->"):
        Space(fields)
