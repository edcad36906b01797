"""A space of run specs: fields by dotted path, some of them set only where others have certain values."""

from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from phiforge.base.canonical import canonical_json
from phiforge.spec.studies.dimension import Dimension

Point = Mapping[str, Any]
"""One member of a space: the values of the fields that are set in it."""


class Space(Mapping[str, Dimension]):
    """The fields of a space, each after those that it depends on.

    Raises ValueError if fields depend on each other in a circle, or on what is no field; ``circle`` finds it before.

    Example::

        space = Space({"outer.lr": Dimension(type="log", low=1e-4, high=1e-2)})
        space.point(lambda field: 0.5)   # {"outer.lr": 0.001}
    """

    def __init__(self, dimensions: Mapping[str, Dimension]) -> None:
        if found := circle(dimensions):
            raise ValueError(" -> ".join(found))
        order = TopologicalSorter({name: sorted(each.when) for name, each in sorted(dimensions.items())})
        self._dimensions = {name: dimensions[name] for name in order.static_order()}

    def __getitem__(self, field: str) -> Dimension:
        return self._dimensions[field]

    def __iter__(self) -> Iterator[str]:
        return iter(self._dimensions)

    def __len__(self) -> int:
        return len(self._dimensions)

    @property
    def conditional(self) -> list[str]:
        """The fields that are set only where others have certain values."""
        return [field for field, each in self.items() if each.when]

    def is_set(self, field: str, point: Point) -> bool:
        """Say whether ``field`` is set where the fields that it depends on are as in ``point``."""
        return all(other in point and holds(wanted, point[other]) for other, wanted in self[field].when.items())

    def point(self, unit_of: Callable[[str], float]) -> dict[str, Any]:
        """Return the point at which each field has the value that ``unit_of`` its name stands for, in [0, 1)."""
        return self.filled(lambda field: self[field].value_at(unit_of(field)))

    def filled(self, value_of: Callable[[str], Any]) -> dict[str, Any]:
        """Return the point at which each field that is set has its ``value_of``, asked for in order."""
        point: dict[str, Any] = {}
        for field in self:
            if self.is_set(field, point):
                point[field] = value_of(field)
        return point


def holds(wanted: Any, value: Any) -> bool:  # noqa: ANN401 - any values of a spec
    """Say whether ``value`` is what a condition wants: one value, or one of a list."""
    allowed = wanted if isinstance(wanted, list | tuple) else [wanted]
    return canonical_json(value) in map(canonical_json, allowed)


def circle(dimensions: Mapping[str, Dimension]) -> list[str]:
    """Return fields that depend on each other in a circle, the first once more at the end; none if there is none."""
    try:
        TopologicalSorter({name: sorted(each.when) for name, each in sorted(dimensions.items())}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []
