"""Wrong labels in support sets: how many examples of a class get one, and what that asks of the rest of a spec."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from phiforge.registry import DATA, LEARNERS

MOST = 0.6
"""Largest share: with more, a label may well have more wrong examples of one class than right ones."""
_ROUNDING = 5e-3
"""By which a share may differ from a whole number of examples: a third is 0.333, or 0.33."""


class Noisy(NamedTuple):
    """Tasks with wrong labels: where their share was said, where their shape was, the shape and the share."""

    field: str
    place: str
    task: Any
    share: float


def wrong_shots(k_shot: int, share: float) -> int:
    """Return how many of the ``k_shot`` support examples of each class have a wrong label.

    Example::

        wrong_shots(5, 0.4)  # 2
    """
    return round(share * k_shot)


def label_noise_problems(values: Mapping[str, Any], tasks: Iterable[tuple[str, Any, bool]]) -> Iterator[str]:
    """Yield what stands in the way of wrong labels, and of trusting some; absent sections are not looked at.

    Args:
        values: valid sections by name.
        tasks: where the shape of a kind of task was said, the shape, and whether it is of training.
    """
    sampling, evaluation = values.get("sampling"), values.get("evaluation")
    if sampling is None or evaluation is None:
        return
    found = [
        Noisy("sampling.label_noise", place, task, sampling.label_noise)
        if training or evaluation.label_noise is None
        else Noisy("evaluation.label_noise", place, task, evaluation.label_noise)
        for place, task, training in tasks
    ]
    yield from dict.fromkeys(problem for each in found for problem in _problems_of(each, values))


def _problems_of(noisy: Noisy, values: Mapping[str, Any]) -> Iterator[str]:
    data, learner = values.get("data"), values.get("learner")
    if noisy.share and data is not None and (why := _no_labels(data.name)):
        yield f"{noisy.field}: {noisy.share}, but data '{data.name}' is {why}; allowed: 0"
        return
    k_shot = noisy.task.k_shot
    wrong = wrong_shots(k_shot, noisy.share)
    if abs(noisy.share - wrong / k_shot) > _ROUNDING:
        shares = ", ".join(f"{each / k_shot:.3g}" for each in range(k_shot) if each / k_shot <= MOST)
        yield (
            f"{noisy.field}: {noisy.share} of the {k_shot} support examples of a class is no whole number; "
            f"allowed with {noisy.place}.k_shot {k_shot}: {shares}"
        )
        return
    trusted = LEARNERS[learner.name].trusts(learner) if learner is not None else 0
    if trusted > k_shot - wrong:
        yield (
            f"learner.trusted: {trusted} examples of each class are to be right for sure, but {noisy.place} has "
            f"{k_shot - wrong} that are; allowed: 1 to {k_shot - wrong}"
        )


def _no_labels(data: str) -> str:
    """Say why none of the labels of its tasks can be made wrong; nothing if they can."""
    if DATA[data].reinforcement:
        return "to be acted in, without labels"
    if DATA[data].regression:
        return "a regression, without labels"
    return "" if DATA[data].published else "drawn from a formula, whose labels stay right"
