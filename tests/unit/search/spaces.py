"""Spaces of every kind of field, and histories in them."""

from typing import Any

from hypothesis import strategies as st

from phiforge.search.history import Told
from phiforge.spec.studies.dimension import Dimension
from phiforge.spec.studies.space import Point, Space

numbers = st.one_of(
    st.tuples(st.just("float"), st.floats(-100, 100), st.floats(0.1, 100)),
    st.tuples(st.just("log"), st.floats(1e-6, 1), st.floats(1, 1e4)),
    st.tuples(st.just("int"), st.integers(-20, 20), st.integers(1, 40)),
    st.tuples(st.just("log_int"), st.integers(1, 20), st.integers(1, 500)),
)
choices = st.lists(
    st.one_of(st.booleans(), st.integers(0, 5), st.sampled_from("abc"), st.just({"name": "sgd"})),
    min_size=1,
    max_size=4,
    unique_by=repr,
)


def number(kind: str, low: float, width: float) -> Dimension:
    """Return a dimension from ``low`` on; of a logarithmic kind ``width`` is a factor."""
    if kind == "log":
        return Dimension(type=kind, low=low, high=low * (1 + width))
    return Dimension(type=kind, low=low, high=low + width)


dimensions = st.one_of(
    numbers.map(lambda given: number(*given)), choices.map(lambda values: Dimension(type="choice", values=values))
)


@st.composite
def spaces(draw: Any) -> Space:
    """Draw a space of up to four fields, of which each may depend on a choice before it."""
    fields: dict[str, Dimension] = {}
    for name in "abcd"[: draw(st.integers(1, 4))]:
        dimension = draw(dimensions)
        parents = [field for field, each in fields.items() if each.is_choice]
        if parents and draw(st.booleans()):
            parent = draw(st.sampled_from(parents))
            wanted = draw(st.sampled_from(fields[parent].values))
            dimension = dimension.model_copy(update={"when": {parent: wanted}})
        fields[name] = dimension
    return Space(fields)


def told(points: list[Point], costs: list[float | None], size: int = 4) -> list[Told]:
    """Return a history of generations of ``size``."""
    return [Told(index, index // size, point, costs[index % len(costs)]) for index, point in enumerate(points)]
