"""What the parts of a spec must be to each other; each check needs only the parts that are valid by themselves."""

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any, NamedTuple, get_args

from phiforge.registry import DATA, ESTIMATORS, LEARNERS, NETWORKS, SCORES
from phiforge.registry.abilities import NetworkPart
from phiforge.spec.acting import acting_problems
from phiforge.spec.label_noise import label_noise_problems
from phiforge.spec.limits import MOST_EPISODE_BYTES
from phiforge.spec.numerics import numerics_problems
from phiforge.spec.scheduling import scheduling_problems

ALWAYS = ("loss", "accuracy")
"""Scores that every run has, unless it acts."""

_IMAGE = 3
"""Dimensions of an image: channels, height, width."""

_FLOAT_BYTES = 4
"""Of one number of a vector; a pixel is one byte."""

Values = Mapping[str, Any]
"""Valid sections by name; a section with a problem of its own is absent."""


def always(data: str) -> tuple[str, ...]:
    """Return the scores that every run on ``data`` has."""
    return ("loss", "mean_return") if DATA[data].reinforcement else ALWAYS


class DatasetFacts(NamedTuple):
    """What a spec must fit: classes of each split, and drawings of the class that has fewest."""

    classes: Mapping[str, int]
    drawings: Mapping[str, int]


def check_parts(values: Values) -> list[str]:
    """Return the problems between sections."""
    problems: list[str] = [*scheduling_problems(values), *numerics_problems(values)]
    if "outer" in values:
        problems += _job_problems(values["outer"])
    if "learner" in values and "estimator" in values:
        problems += _pair_problems(values["learner"], values["estimator"])
    if "estimator" in values and "outer" in values:
        problems += _version_problems(values["estimator"], values["outer"])
    if "learner" in values and "task" in values and "evaluation" in values:
        problems += _way_problems(values["learner"], values["task"], values["evaluation"])
    if "learner" in values:
        problems += _norm_problems(values["learner"])
    if "learner" in values and "data" in values:
        problems += _network_problems(values["learner"], values["data"])
    if "data" in values:
        problems += acting_problems(values, {place: task.n_way for place, _, task in _tasks(values)})
        problems += _regression_problems(values)
    if "data" in values and "sampling" in values:
        problems += _turn_problems(values["sampling"], values["data"])
        problems += _augmentation_problems(values["sampling"], values["data"])
    if "data" in values and "scores" in values:
        problems += _score_problems(values["scores"], values["data"])
    shapes = ((place, task, split == "train") for place, split, task in _tasks(values))
    return [*problems, *label_noise_problems(values, shapes)]


def check_data(values: Values, facts: DatasetFacts) -> list[str]:
    """Return what a dataset cannot give: too many ways, or more drawings than its classes have."""
    problems: list[str] = []
    if not facts.classes:
        return problems  # its tasks are drawn from a formula
    for place, split, task in _tasks(values):
        classes, drawings = facts.classes[split], facts.drawings[split]
        if task.n_way > classes:
            problems.append(f"{place}.n_way: {task.n_way} ways, but the {split} split has {classes} classes")
        if task.drawings > drawings:
            problems.append(
                f"{place}: k_shot + n_query = {task.k_shot} + {task.n_query} = {task.drawings}, "
                f"but a class of the {split} split has {drawings} drawings"
            )
    return problems + _size_problems(values)


def _size_problems(values: Values) -> list[str]:
    """Return where one file of episodes would be larger than what is read back."""
    if "data" not in values or not DATA[values["data"].name].published:
        return []
    data, outer, evaluation = values["data"], values.get("outer"), values.get("evaluation")
    shape = DATA[data.name].input_shape(data)
    example = prod(shape) * (1 if len(shape) == _IMAGE else _FLOAT_BYTES)
    problems = []
    for place, split, task in _tasks(values):
        field, episodes = (
            ("outer.job_size", outer and outer.job_tasks)
            if split == "train"
            else (
                "evaluation.chunk_size",
                evaluation and evaluation.chunk_size,
            )
        )
        size = (episodes or 0) * task.n_way * task.drawings * example
        if size > MOST_EPISODE_BYTES and split != "test":
            allowed = f"allowed are {MOST_EPISODE_BYTES}"
            problems.append(f"{field}: {episodes} episodes of {place} are {size} bytes in one file; {allowed}")
    return problems


def _tasks(values: Values) -> Iterator[tuple[str, str, Any]]:
    task, evaluation = values.get("task"), values.get("evaluation")
    if task:
        yield "task", "train", task
    judged, place = (evaluation.task, "evaluation.task") if evaluation and evaluation.task else (task, "task")
    if judged and evaluation:
        yield place, "validation", judged
        yield place, "test", judged


def _job_problems(outer: Any) -> list[str]:  # noqa: ANN401 - a section
    if outer.meta_batch % outer.job_size == 0:
        return []
    divisors = [str(size) for size in range(1, outer.meta_batch + 1) if outer.meta_batch % size == 0]
    return [
        f"outer.job_size: {outer.job_size} does not divide the meta-batch of {outer.meta_batch}; "
        f"allowed: {', '.join(divisors)}"
    ]


def _pair_problems(learner: Any, estimator: Any) -> list[str]:  # noqa: ANN401 - sections
    reason = ESTIMATORS[estimator.name].refuses(LEARNERS[learner.name], learner)
    return [f"estimator.name: {reason}"] if reason else []


def _version_problems(estimator: Any, outer: Any) -> list[str]:  # noqa: ANN401 - sections
    if outer.versions and not ESTIMATORS[estimator.name].updates:
        return [f"outer.versions: {outer.versions}, but estimator '{estimator.name}' makes no updates; allowed: 0"]
    return []


def _way_problems(learner: Any, task: Any, evaluation: Any) -> list[str]:  # noqa: ANN401 - sections
    judged = evaluation.task or task
    if LEARNERS[learner.name].any_n_way or judged.n_way == task.n_way:
        return []
    return [
        f"evaluation.task.n_way: {judged.n_way}, but learner '{learner.name}' has a head for the "
        f"{task.n_way} ways of training; allowed: {task.n_way}"
    ]


def _norm_problems(learner: Any) -> list[str]:  # noqa: ANN401 - a section
    network = getattr(learner, "network", None)
    if network is None or LEARNERS[learner.name].averages or not _network(network).averages(network):
        return []
    return [
        f"learner.network.norm: '{network.norm}' averages over tasks what its passes see, "
        f"which learner '{learner.name}' keeps no averages of; allowed: {', '.join(_without_averages(network))}"
    ]


def _without_averages(network: Any) -> list[str]:  # noqa: ANN401 - a section
    """Return the normalisations of a network that keep no averages."""
    kinds = get_args(type(network).model_fields["norm"].annotation)
    return [kind for kind in kinds if not _network(network).averages(network.model_copy(update={"norm": kind}))]


def _network_problems(learner: Any, data: Any) -> list[str]:  # noqa: ANN401 - sections
    network, part = getattr(learner, "network", None), DATA[data.name]
    if network is None or not _network(network).images:
        return []
    shape = part.input_shape(data)
    if len(shape) != _IMAGE:
        others = [name for name, each in NETWORKS.working().items() if not each.images]
        return [
            f"learner.network.name: '{network.name}' looks at images, which data '{data.name}' has none of; "
            f"allowed: {', '.join(others)}"
        ]
    smallest = _network(network).smallest_image(network)
    if min(shape[1:]) >= smallest:
        return []
    return [
        f"data.image_size: {min(shape[1:])}, but network '{network.name}' {_network(network).shrinking(network)}; "
        f"allowed: {smallest} or more"
    ]


def _network(config: Any) -> type[NetworkPart]:  # noqa: ANN401 - a section
    return NETWORKS[config.name]


def _turn_problems(sampling: Any, data: Any) -> list[str]:  # noqa: ANN401 - sections
    """Return why classes cannot be turned: they are already, so that two would be one; or no square."""
    if sampling.augmentation != "turn":
        return []
    shape = DATA[data.name].input_shape(data)
    if DATA[data.name].turns(data):
        return ["sampling.augmentation: 'turn' turns classes that data.rotations turns too; allowed: one of the two"]
    if len(shape) == _IMAGE and shape[1] != shape[2]:
        return [
            f"sampling.augmentation: 'turn' needs square images, not {shape[1]} x {shape[2]}; allowed: none, mirror"
        ]
    return []


def _score_problems(scores: Any, data: Any) -> list[str]:  # noqa: ANN401 - sections
    """Return where a score is given twice or is not one of such tasks."""
    names, regression = [each.name for each in scores], DATA[data.name].regression
    problems = [
        f"scores: '{name}' is given twice" for name in sorted({each for each in names if names.count(each) > 1})
    ]
    problems += [f"scores: '{name}' is of every run already" for name in names if name in ALWAYS]
    if DATA[data.name].reinforcement:
        return problems
    problems += [
        f"scores: '{name}' is of tasks to act in, which data '{data.name}' has not"
        for name in names
        if SCORES[name].reinforcement
    ]
    for name in names:
        if SCORES[name].regression not in (None, regression):
            kind = "values" if SCORES[name].regression else "labels"
            problems.append(f"scores: '{name}' is of tasks whose targets are {kind}, which data '{data.name}' has not")
    return problems


def _regression_problems(values: Values) -> list[str]:
    """Return where classes are asked of a regression, or a task of classes has a single one."""
    data, learner = values["data"], values.get("learner")
    ways = {place: task.n_way for place, _, task in _tasks(values)}
    if DATA[data.name].reinforcement:
        return []
    if not DATA[data.name].regression:
        return [
            f"{place}.n_way: 1 way leaves nothing to tell apart; allowed: 2 or more"
            for place in ways
            if ways[place] == 1
        ]
    problems = [
        f"{place}.n_way: {n_way} ways, but data '{data.name}' is a regression; allowed: 1"
        for place, n_way in ways.items()
        if n_way != 1
    ]
    if learner and not LEARNERS[learner.name].regresses:
        regressing = [name for name, each in LEARNERS.working().items() if each.regresses]
        problems.append(
            f"learner.name: '{learner.name}' tells classes apart, but data '{data.name}' is a regression; "
            f"allowed: {', '.join(regressing)}"
        )
    elif learner and (why := LEARNERS[learner.name].refuses_values(learner)):
        problems.append(f"learner.{why}")
    return problems


def _augmentation_problems(sampling: Any, data: Any) -> list[str]:  # noqa: ANN401 - sections
    """Return where images are asked of data that has none."""
    if sampling.augmentation == "none" or len(DATA[data.name].input_shape(data)) == _IMAGE:
        return []
    return [f"sampling.augmentation: '{sampling.augmentation}' needs images; allowed with '{data.name}': none"]
