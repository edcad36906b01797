"""What a spec of ours does, in the words in which facts of published figures are written down."""

from collections.abc import Callable, Mapping
from typing import Any

from phiforge.learning.start import learner_for
from phiforge.learning.tried_steps import tries_steps
from phiforge.registry import DATA, NETWORKS
from phiforge.spec.outer import Outer
from phiforge.spec.run import RunSpec
from phiforge.spec.task import Task
from phiforge.tasks.datasets.bases import splits
from phiforge.tasks.datasets.omniglot import CHARACTERS

NONE = "none"
_BACKGROUND, _ALL = CHARACTERS["images_background"], sum(CHARACTERS.values())
_DRAWN = {"half": "at random", "random1200": "at random", "lake": "by alphabets", "vinyals": "list of Vinyals et al."}


def ours(spec: RunSpec) -> dict[str, str]:
    """Return every fact of a spec on Omniglot, by name."""
    return {name: say(spec) for name, say in FIELDS.items()}


def _characters(spec: RunSpec) -> str:
    data: Any = spec.data
    held_out = data.validation_characters
    counts: Mapping[str, Callable[[], Mapping[str, int]]] = {
        "half": lambda: _lengths(splits.half(_ALL, held_out, 0)),
        "random1200": lambda: _lengths(splits.random1200(_ALL, held_out, 0)),
        "lake": lambda: _lengths(splits.lake(_BACKGROUND, _ALL, held_out, 0)),
        "vinyals": lambda: splits.VINYALS_CHARACTERS,
    }
    return " / ".join(str(count) for count in counts[data.split]().values())


def _lengths(chosen: splits.Characters) -> dict[str, int]:
    return {name: len(chosen[name]) for name in ("train", "validation", "test")}


def _rotations(spec: RunSpec) -> str:
    data: Any = spec.data
    return "classes" if data.rotations else NONE


def _task(task: Task) -> str:
    queries = "query" if task.n_query == 1 else "queries"
    return f"{task.n_way}-way {task.k_shot}-shot, {task.n_query} {queries}"


def _network(spec: RunSpec) -> Any:
    return getattr(spec.learner, "network", None)


def _blocks(spec: RunSpec) -> str:
    network = _network(spec)
    return f"4 of {network.channels} filters" if network else NONE


def _shrinking(spec: RunSpec) -> str:
    network = _network(spec)
    if network is None:
        return NONE
    way = "stride 2" if getattr(network, "shrink", "pool") == "stride" else "max-pooling"
    return f"{way} in {network.pools} blocks"


def _statistics(spec: RunSpec) -> str:
    network = _network(spec)
    if network is None:
        return NONE
    shape = DATA[spec.data.name].input_shape(spec.data)
    if learner_for(spec, spec.evaluation_task, shape, train_classes=1).transductive:
        return "of the set at hand"
    if not NETWORKS[network.name].averages(network):
        return "of no set"
    support = getattr(spec.learner, "query_statistics", "averages") == "support"
    return "of the support set and one query" if support else "averages of training"


def _inner_steps(spec: RunSpec) -> str:
    found = _training(spec, "inner_steps")
    return NONE if found is None else str(found)


def _inner_steps_at_test(spec: RunSpec) -> str:
    found = getattr(spec.learner, "inner_steps_evaluation", None)
    if found is None:
        return NONE
    return "chosen on validation tasks" if tries_steps(spec) else str(found)


def _inner_rate(spec: RunSpec) -> str:
    found = _training(spec, "inner_lr")
    return NONE if found is None else f"{_optimizer(spec.estimator)}, {found:g}"


def _inner_rate_at_test(spec: RunSpec) -> str:
    found = getattr(spec.learner, "inner_lr", None)
    return NONE if found is None else f"{_optimizer(spec.learner)}, {found:g}"


def _training(spec: RunSpec, name: str) -> Any:
    return getattr(spec.estimator, name, getattr(spec.learner, name, None))


def _optimizer(part: Any) -> str:
    return "Adam" if getattr(part, "inner_optimizer", "sgd") == "adam" else "gradient descent"


def _estimator(spec: RunSpec) -> str:
    begins = getattr(spec.estimator, "second_order_from", 0)
    return spec.estimator.name + (f", second order from {begins:g} on" if begins else "")


def _schedule(outer: Outer) -> str:
    return {
        "cosine": "cosine to 0",
        "linear": "linear to 0",
        "restarts": f"cosine to 0, again after {outer.period:,}",
        "halving": f"halved every {outer.period:,}",
    }.get(outer.schedule, outer.schedule)


def _clipping(outer: Outer) -> str:
    return NONE if outer.clip_norm is None else f"at {outer.clip_norm:g}"


FIELDS: Mapping[str, Callable[[RunSpec], str]] = {
    "split": lambda spec: _DRAWN[getattr(spec.data, "split", "half")],
    "training / validation / test characters": _characters,
    "rotations in training": _rotations,
    "rotations at test": _rotations,
    "training task": lambda spec: _task(spec.task),
    "test task": lambda spec: _task(spec.evaluation_task),
    "image side": lambda spec: str(getattr(spec.data, "image_size", NONE)),
    "blocks": _blocks,
    "shrinking": _shrinking,
    "batch statistics at test": _statistics,
    "inner steps in training": _inner_steps,
    "inner steps at test": _inner_steps_at_test,
    "inner updates in training": _inner_rate,
    "inner updates at test": _inner_rate_at_test,
    "estimator": _estimator,
    "meta-batch": lambda spec: f"{spec.outer.meta_batch:,}",
    "iterations": lambda spec: f"{spec.outer.versions:,}",
    "outer optimiser": lambda spec: f"{spec.outer.optimizer.name}, {spec.outer.lr:g}",
    "outer schedule": lambda spec: _schedule(spec.outer),
    "gradient's norm": lambda spec: _clipping(spec.outer),
    "test tasks": lambda spec: f"{spec.evaluation.test_tasks:,}",
    "ensemble": lambda _: NONE,
}
