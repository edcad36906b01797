"""What tasks to act in ask of the other parts of a spec, and what learners that act ask of the tasks."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from phiforge.registry import DATA, FAMILIES, LEARNERS


def acting_problems(values: Mapping[str, Any], ways: Mapping[str, int]) -> Iterator[str]:
    """Yield the problems between data to act in, or of examples, and the rest; absent sections are not looked at.

    Args:
        values: valid sections by name, ``data`` among them.
        ways: of the tasks, by where it was said.
    """
    if DATA[values["data"].name].reinforcement:
        yield from _of_worlds(values, ways)
    elif (learner := values.get("learner")) and not LEARNERS[learner.name].supervised:
        allowed = _names(name for name, each in FAMILIES.working().items() if each.reinforcement)
        yield (
            f"learner.name: '{learner.name}' learns to act by rewards, of which data '{values['data'].name}' has none; "
            f"allowed with it: data {allowed}"
        )


def _of_worlds(values: Mapping[str, Any], ways: Mapping[str, int]) -> Iterator[str]:
    data, learner = values["data"].name, values.get("learner")
    for place, n_way in ways.items():
        if n_way != 1:
            yield f"{place}.n_way: {n_way} ways, but a task of data '{data}' is one world to act in; allowed: 1"
    if learner and not LEARNERS[learner.name].reinforces:
        allowed = _names(name for name, each in LEARNERS.working().items() if each.reinforces)
        yield (
            f"learner.name: '{learner.name}' learns from examples with targets, but data '{data}' gives rewards for "
            f"actions; allowed: {allowed}"
        )
    for score in values.get("scores", ()):
        yield (
            f"scores: '{score.name}' is of outputs and targets, which data '{data}' has none of; allowed: none, as "
            "its return is always there"
        )


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
