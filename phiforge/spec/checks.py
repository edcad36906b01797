"""What the parts of a spec must be to each other; each check needs only the parts that are valid by themselves."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_args

from phiforge.learning.learners import LEARNERS
from phiforge.learning.networks.bases.normalisation import Norm, keeps_statistics
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.spec.numerics import numerics_faults
from phiforge.spec.scheduling import pace_faults
from phiforge.tasks.episodes import MOST_BYTES

Values = Mapping[str, Any]
"""Valid sections by name; a section with a fault of its own is absent."""


class DatasetFacts(NamedTuple):
    """What a spec must fit: classes of each split, and drawings of the class that has fewest."""

    classes: Mapping[str, int]
    drawings: Mapping[str, int]


def check_parts(values: Values) -> list[str]:
    """Return the faults between sections."""
    faults: list[str] = [*pace_faults(values), *numerics_faults(values)]
    if "outer" in values:
        faults += _job_faults(values["outer"])
    if "learner" in values and "estimator" in values:
        faults += _pair_faults(values["learner"], values["estimator"])
    if "estimator" in values and "outer" in values:
        faults += _version_faults(values["estimator"], values["outer"])
    if "learner" in values and "task" in values and "evaluation" in values:
        faults += _way_faults(values["learner"], values["task"], values["evaluation"])
    if "learner" in values:
        faults += _norm_faults(values["learner"])
    if "learner" in values and "data" in values:
        faults += _network_faults(values["learner"], values["data"])
    if "data" in values:
        faults += _regression_faults(values)
    return faults


def check_data(values: Values, facts: DatasetFacts) -> list[str]:
    """Return what a dataset cannot give: too many ways, or more drawings than its classes have."""
    faults: list[str] = []
    if not facts.classes:
        return faults  # its tasks are drawn from a formula
    for place, split, task in _tasks(values):
        classes, drawings = facts.classes[split], facts.drawings[split]
        if task.n_way > classes:
            faults.append(f"{place}.n_way: {task.n_way} ways, but the {split} split has {classes} classes")
        if task.drawings > drawings:
            faults.append(
                f"{place}: k_shot + n_query = {task.k_shot} + {task.n_query} = {task.drawings}, "
                f"but a class of the {split} split has {drawings} drawings"
            )
    return faults + _size_faults(values)


def _size_faults(values: Values) -> list[str]:
    """Return where one file of episodes would be larger than what is read back."""
    if "data" not in values or values["data"].regression:
        return []
    data, outer, evaluation = values["data"], values.get("outer"), values.get("evaluation")
    image = getattr(data, "channels", 1) * data.image_size**2
    faults = []
    for place, split, task in _tasks(values):
        field, episodes = (
            ("outer.job_size", outer and outer.job_tasks)
            if split == "train"
            else (
                "evaluation.chunk_size",
                evaluation and evaluation.chunk_size,
            )
        )
        size = (episodes or 0) * task.n_way * task.drawings * image
        if size > MOST_BYTES and split != "test":
            faults.append(
                f"{field}: {episodes} episodes of {place} are {size} bytes in one file; allowed are {MOST_BYTES}"
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
    reason = estimator.refuses(LEARNERS[learner.name], learner)
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


def _norm_faults(learner: Any) -> list[str]:  # noqa: ANN401 - a section
    network = getattr(learner, "network", None)
    if LEARNERS[learner.name].averages or not (isinstance(network, Conv4Config) and keeps_statistics(network.norm)):
        return []
    kept = [kind for kind in get_args(Norm) if not keeps_statistics(kind)]
    return [
        f"learner.network.norm: '{network.norm}' averages over tasks what its passes see, "
        f"which learner '{learner.name}' keeps no averages of; allowed: {', '.join(kept)}"
    ]


def _network_faults(learner: Any, data: Any) -> list[str]:  # noqa: ANN401 - sections
    network = getattr(learner, "network", None)
    if not isinstance(network, Conv4Config):
        return []
    if data.regression:
        return [f"learner.network.name: 'conv4' looks at images, which data '{data.name}' has none of; allowed: mlp"]
    if data.image_size >= network.smallest_image:
        return []
    return [
        f"data.image_size: {data.image_size}, but network 'conv4' halves the image {network.pools} times; "
        f"allowed: {network.smallest_image} or more"
    ]


def _regression_faults(values: Values) -> list[str]:
    """Return where classes are asked of a regression, or a task has a single class."""
    data, learner, sampling = values["data"], values.get("learner"), values.get("sampling")
    ways = {place: task.n_way for place, _, task in _tasks(values)}
    if not data.regression:
        return [
            f"{place}.n_way: 1 way leaves nothing to tell apart; allowed: 2 or more"
            for place in ways
            if ways[place] == 1
        ]
    faults = [
        f"{place}.n_way: {n_way} ways, but data '{data.name}' is a regression; allowed: 1"
        for place, n_way in ways.items()
        if n_way != 1
    ]
    if learner and not LEARNERS[learner.name].regresses:
        regressing = sorted(name for name, each in LEARNERS.items() if each.regresses)
        faults.append(
            f"learner.name: '{learner.name}' tells classes apart, but data '{data.name}' is a regression; "
            f"allowed: {', '.join(regressing)}"
        )
    if sampling and sampling.augmentation != "none":
        faults.append(
            f"sampling.augmentation: '{sampling.augmentation}' needs images; allowed with '{data.name}': none"
        )
    return faults
