"""The schedule of faults: data that follows from a seed, fair to every kind."""

from collections import Counter
from itertools import islice

from phiforge_client.chaos.faults import KINDS
from phiforge_client.chaos.schedule import schedule

VERSIONS = 50


def test_a_seed_names_its_faults() -> None:
    # Given a seed twice and another, I expect the same injections and others.
    first, again, other = (list(islice(schedule(seed, list(KINDS), VERSIONS, 3), 10)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_every_kind_comes_equally_often() -> None:
    # Given as many runs as make every kind come six times
    runs = islice(schedule(0, list(KINDS), VERSIONS, 3), 2 * len(KINDS))
    # I expect just that, at versions of the run and in their order.
    injections = [injection for run in runs for injection in run]
    assert Counter(injection.kind for injection in injections) == dict.fromkeys(KINDS, 6)
    assert all(1 <= injection.version < VERSIONS for injection in injections)
    assert all(run == sorted(run) for run in islice(schedule(0, list(KINDS), VERSIONS, 3), 5))
