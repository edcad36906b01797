"""What every proposer and every scheduler promises: the same of the same, and nothing that is not of the space."""

from collections.abc import Iterator
from functools import partial

from phiforge.certify.proof import Figure, Proof, count
from phiforge.registry.abilities import ProposerPart, SchedulerPart
from phiforge.search.history import Told
from phiforge.search.proposers import Proposer, build_proposer
from phiforge.search.schedulers import build_scheduler
from phiforge.search.schedulers.bases.curve import Curve
from phiforge.spec.studies.dimension import Dimension
from phiforge.spec.studies.space import Point, Space

GENERATION, SEED = 8, 7
MANY = 3 * GENERATION
"""Trials after which whoever begins with random ones has learned something."""

LENGTHS = range(1, 101)
COSTS = {number: float(7 * number % 10) for number in range(10)}
SPACES = {
    "numbers": Space(
        {
            "rate": Dimension(type="log", low=1e-4, high=1.0),
            "share": Dimension(type="float", low=0.0, high=1.0),
            "steps": Dimension(type="int", low=1, high=5),
        }
    ),
    "choices": Space({name: Dimension(type="choice", values=("a", "b", "c")) for name in ("kind", "other")}),
}


def proposals(part: type[ProposerPart]) -> Iterator[Proof]:
    """Yield the proofs of a proposer with its defaults, on each kind of space that it takes."""
    for kind, space in SPACES.items():
        if list(part.refuses(part.Config(name=part.name), space, GENERATION)):
            continue
        yield Proof(f"proposes the same again of {kind}", partial(same, part, space))
        yield Proof(f"proposes points of the space of {kind}", partial(foreign, part, space))
        yield Proof(f"learns of what came, or not, as it says, of {kind}", partial(learns, part, space))
        yield Proof(f"leaves the history of {kind} as it was", partial(leaves_history, part, space))


def same(part: type[ProposerPart], space: Space) -> Figure:
    """Count the points that differ when it is asked twice, at the first generation and at a later one."""
    first, second = (_two_generations(part, space) for _ in range(2))
    return count([len(first) != len(second), *(one != other for one, other in zip(first, second, strict=False))])


def foreign(part: type[ProposerPart], space: Space) -> Figure:
    """Count the points that are none of the space."""
    return count([not _is_of(space, point) for point in _two_generations(part, space)])


def learns(part: type[ProposerPart], space: Space) -> Figure:
    """Count whether later proposals depend on what came of earlier ones though it says not, or the other way round."""
    points = [_build(part, space).random_point(number) for number in range(MANY)]
    histories = [
        [Told(number, number // GENERATION, point, float(sign * number)) for number, point in enumerate(points)]
        for sign in (1, -1)
    ]
    first, second = (_build(part, space).propose(each, range(MANY, MANY + GENERATION)) for each in histories)
    return count([(first != second) != part.learns])


def leaves_history(part: type[ProposerPart], space: Space) -> Figure:
    """Count whether it changes what it is told."""
    points = list(_build(part, space).propose([], range(GENERATION)))
    history = _told(points)
    before = repr(history)
    _build(part, space).propose(history, range(len(points), len(points) + GENERATION))
    return count([repr(history) != before])


def decisions(part: type[SchedulerPart]) -> Iterator[Proof]:
    """Yield the proofs of a scheduler with its defaults."""
    yield Proof("has rungs that rise, each a multiple of the first", partial(rise, part))
    yield Proof("ends no earlier than asked", partial(ends, part))
    yield Proof("lets some go on, of those that are there", partial(goes_on, part))
    yield Proof("decides the same whatever their order", partial(any_order, part))
    yield Proof("chooses of those that are there, whatever their order", partial(chooses, part))
    if part.one_by_one:
        yield Proof("chooses for one by itself", partial(one_alone, part))


def rise(part: type[SchedulerPart]) -> Figure:
    """Count the lengths, from 1 to 100 versions, whose rungs do not rise by multiples of the first."""
    found = [build_scheduler(part.Config(name=part.name)).rungs(versions, 0) for versions in LENGTHS]
    return count([list(each) != sorted(set(each)) or any(rung % each[0] for rung in each) for each in found])


def ends(part: type[SchedulerPart]) -> Figure:
    """Count the lengths whose last rung comes before the end."""
    scheduler = build_scheduler(part.Config(name=part.name))
    return count([scheduler.rungs(versions, 0)[-1] < versions for versions in LENGTHS])


def goes_on(part: type[SchedulerPart]) -> Figure:
    """Count what is wrong with who goes on: nobody, somebody who is not there, or not in order."""
    found = build_scheduler(part.Config(name=part.name)).goes_on(COSTS)
    return count([not found, not set(found) <= set(COSTS), found != sorted(found)])


def any_order(part: type[SchedulerPart]) -> Figure:
    """Count whether others go on if trials are told in another order."""
    scheduler = build_scheduler(part.Config(name=part.name))
    return count([scheduler.goes_on(COSTS) != scheduler.goes_on(dict(reversed(COSTS.items())))])


def chooses(part: type[SchedulerPart]) -> Figure:
    """Count what is wrong with who is chosen at a rung beside others: somebody else, or not in order, or by order."""
    scheduler, (here, others) = build_scheduler(part.Config(name=part.name)), _curves()
    found = scheduler.choose(here, others)
    turned = scheduler.choose(dict(reversed(here.items())), dict(reversed(others.items())))
    return count([not set(found) <= set(here), found != sorted(found), found != turned])


def one_alone(part: type[SchedulerPart]) -> Figure:
    """Count the trials that alone at their rung are chosen otherwise than as one or none."""
    scheduler, (here, others) = build_scheduler(part.Config(name=part.name)), _curves()
    found = [(number, scheduler.choose({number: curve}, others)) for number, curve in here.items()]
    return count([chosen not in ([], [number]) for number, chosen in found])


def _curves() -> tuple[dict[int, Curve], dict[int, Curve]]:
    """Return trials that have come to their second rung, and others that were trained to their end before."""
    here = {number: Curve([cost, cost / 2]) for number, cost in COSTS.items()}
    return here, {100 + number: Curve([cost, cost / 3, 0.0], whole=True) for number, cost in COSTS.items()}


def _build(part: type[ProposerPart], space: Space) -> Proposer:
    return build_proposer(part.Config(name=part.name), space, SEED)


def _told(points: list[Point]) -> list[Told]:
    return [Told(number, 0, point, None if number == 1 else 1.0 / (number + 1)) for number, point in enumerate(points)]


def _two_generations(part: type[ProposerPart], space: Space) -> list[Point]:
    first = list(_build(part, space).propose([], range(GENERATION)))
    return first + list(_build(part, space).propose(_told(first), range(len(first), len(first) + GENERATION)))


def _is_of(space: Space, point: Point) -> bool:
    """Say whether a point has the fields that are set in it, with values that they have."""
    try:
        return point == space.filled(lambda field: point[field]) and all(
            (space[field].is_choice and value in space[field].values) or _within(space[field], value)
            for field, value in point.items()
        )
    except KeyError:
        return False


def _within(dimension: Dimension, value: float) -> bool:
    return not dimension.is_choice and dimension.bounds[0] <= value <= dimension.bounds[1]
