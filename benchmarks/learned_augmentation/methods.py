"""What is compared: learners with and without perturbation or augmentation, meta-trained on few classes of Omniglot."""

from typing import Any, NamedTuple

from phiforge.runs.settling import settled
from phiforge.spec.run import RunSpec

CLASSES = 50
"""Characters that training tasks are made of."""
_LOOP = {"inner_lr": 0.4, "inner_steps": 1, "inner_steps_evaluation": 3}
_NETWORK = {"name": "conv4", "channels": 16, "norm": "batch"}
_TASK = {"n_way": 5, "k_shot": 1, "n_query": 5}


_POLICY_RATE = 0.02
"""Of the policy's logits, which have further to go than weights."""


class Method(NamedTuple):
    """A learner: its title, its configuration, and the outer rate of an augmentation's policy."""

    title: str
    learner: dict[str, Any]
    policy_rate: float | None = None


class Cell(NamedTuple):
    """One φ: a method and a seed."""

    method: str
    seed: int

    @property
    def name(self) -> str:
        """Return a name for files."""
        return f"{self.method}-{self.seed}"


METHODS = {
    "maml": Method("MAML", {"name": "maml", **_LOOP}),
    "meta_dropout": Method("meta-dropout", {"name": "meta_dropout", "draws_evaluation": 5, **_LOOP}),
    "augmented_maml": Method("MAML, augmentation learned", {"name": "augmented_maml", **_LOOP}, _POLICY_RATE),
    "prototypical": Method("ProtoNet", {"name": "prototypical"}),
    "augmented_prototypical": Method(
        "ProtoNet, augmentation learned", {"name": "augmented_prototypical"}, _POLICY_RATE
    ),
    "fixed_maml": Method("MAML, augmentation as it begins", {"name": "augmented_maml", **_LOOP}, 0.0),
    "fixed_prototypical": Method("ProtoNet, augmentation as it begins", {"name": "augmented_prototypical"}, 0.0),
    "meta_dropout_quiet": Method("meta-dropout, its noise off", {"name": "meta_dropout", "noise": False, **_LOOP}),
}


def cells(seeds: int) -> list[Cell]:
    """Return what is to be computed: seed by seed, so that what is there at any time is of every method."""
    return [Cell(method, seed) for seed in range(seeds) for method in METHODS]


def spec_of(cell: Cell, tasks: int, judged: int) -> RunSpec:
    """Return the run of a cell: so many training tasks, in versions of 8, and so many test tasks."""
    method, outer = METHODS[cell.method], {"meta_batch": 8, "job_size": 8, "lr": 2e-3, "schedule": "cosine"}
    if method.policy_rate is not None:
        outer |= {"groups": [{"pattern": "augmentation/*", "lr": method.policy_rate}]}
    raw = {
        "name": cell.name.replace("_", "-"),
        "seed": cell.seed,
        "data": {"name": "omniglot", "split": "half", "rotations": False, "image_size": 16},
        "task": _TASK,
        "learner": method.learner | {"network": _NETWORK},
        "outer": outer | {"versions": tasks // 8},
        "evaluation": {"test_tasks": judged, "chunk_size": 50},
    }
    return settled(RunSpec.model_validate(raw), "cpu")
