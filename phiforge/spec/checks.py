"""What the parts of a spec must be to each other; each check needs only the parts that are valid by themselves."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from phiforge.learners import LEARNERS
from phiforge.networks.conv4 import SMALLEST_IMAGE

Values = Mapping[str, Any]
"""Valid sections by name; a section with a fault of its own is absent."""


class DatasetFacts(NamedTuple):
    """What a spec must fit: classes of each split, and drawings of the class that has fewest."""

    classes: Mapping[str, int]
    drawings: Mapping[str, int]


def check_parts(values: Values) -> list[str]:
    """Return the faults between sections."""
    faults: list[str] = []
    if "outer" in values:
        faults += _job_faults(values["outer"])
    if "learner" in values and "estimator" in values:
        faults += _pair_faults(values["learner"], values["estimator"])
    if "estimator" in values and "outer" in values:
        faults += _version_faults(values["estimator"], values["outer"])
    if "learner" in values and "task" in values and "evaluation" in values:
        faults += _way_faults(values["learner"], values["task"], values["evaluation"])
    if "learner" in values and "data" in values:
        faults += _image_faults(values["learner"], values["data"])
    return faults


def check_data(values: Values, facts: DatasetFacts) -> list[str]:
    """Return what a dataset cannot give: too many ways, or more drawings than its classes have."""
    faults = []
    for place, split, task in _tasks(values):
        classes, drawings = facts.classes[split], facts.drawings[split]
        if task.n_way > classes:
            faults.append(f"{place}.n_way: {task.n_way} ways, but the {split} split has {classes} classes")
        if task.drawings > drawings:
            faults.append(
                f"{place}: k_shot + n_query = {task.k_shot} + {task.n_query} = {task.drawings}, "
                f"but a class of the {split} split has {drawings} drawings"
            )
    return faults


def _tasks(values: Values) -> Iterator[tuple[str, str, Any]]:
    task, evaluation = values.get("task"), values.get("evaluation")
    if task:
        yield "task", "train", task
    judged, place = (evaluation.task, "evaluation.task") if evaluation and evaluation.task else (task, "task")
    if judged and evaluation:
        yield place, "validation", judged
        yield place, "test", judged


def _job_faults(outer: Any) -> list[str]:  # noqa: ANN401 - a section
    if outer.meta_batch % outer.job_size == 0:
        return []
    divisors = [str(size) for size in range(1, outer.meta_batch + 1) if outer.meta_batch % size == 0]
    return [
        f"outer.job_size: {outer.job_size} does not divide the meta-batch of {outer.meta_batch}; "
        f"allowed: {', '.join(divisors)}"
    ]


def _pair_faults(learner: Any, estimator: Any) -> list[str]:  # noqa: ANN401 - sections
    reason = estimator.refuses(LEARNERS[learner.name])
    return [f"estimator.name: {reason}"] if reason else []


def _version_faults(estimator: Any, outer: Any) -> list[str]:  # noqa: ANN401 - sections
    if estimator.name == "none" and outer.versions:
        return [f"outer.versions: {outer.versions}, but estimator 'none' makes no updates; allowed: 0"]
    return []


def _way_faults(learner: Any, task: Any, evaluation: Any) -> list[str]:  # noqa: ANN401 - sections
    judged = evaluation.task or task
    if LEARNERS[learner.name].any_n_way or judged.n_way == task.n_way:
        return []
    return [
        f"evaluation.task.n_way: {judged.n_way}, but learner '{learner.name}' has a head for the "
        f"{task.n_way} ways of training; allowed: {task.n_way}"
    ]


def _image_faults(learner: Any, data: Any) -> list[str]:  # noqa: ANN401 - sections
    network = getattr(learner, "network", None)
    if network is None or data.image_size >= SMALLEST_IMAGE:
        return []
    return [
        f"data.image_size: {data.image_size}, but network '{network.name}' halves the image four times; "
        f"allowed: {SMALLEST_IMAGE} or more"
    ]
