"""What is compared: learners with and without weights, meta-trained on right labels or on wrong ones."""

from typing import Any, NamedTuple

from phiforge.runs.settling import settled
from phiforge.spec.run import RunSpec

SHARES = (0.0, 0.2, 0.4, 0.6)
"""Of wrong labels, where φ is judged."""
TRAINED = 0.4
"""Of wrong labels in training tasks, where there are any."""
_LOOP = {"inner_lr": 0.1, "inner_steps": 5, "inner_steps_evaluation": 5}
_NETWORK = {"name": "conv4", "channels": 16, "norm": "batch"}
_TASK = {"n_way": 5, "k_shot": 5, "n_query": 5}


class Method(NamedTuple):
    """A learner: its title, and its configuration."""

    title: str
    learner: dict[str, Any]


class Cell(NamedTuple):
    """One φ: a method, the share of wrong labels in its training tasks, and a seed."""

    method: str
    noise: float
    seed: int

    @property
    def name(self) -> str:
        """Return a name for files."""
        return f"{self.method}-{round(100 * self.noise)}-{self.seed}"


METHODS = {
    "prototypical": Method("ProtoNet", {"name": "prototypical"}),
    "r2d2": Method("R2-D2", {"name": "r2d2"}),
    "maml": Method("MAML", {"name": "maml", **_LOOP}),
    "meta_weight_net": Method("Meta-Weight-Net", {"name": "meta_weight_net", **_LOOP}),
    "learning_to_reweight": Method("learning to reweight, 1 trusted", {"name": "learning_to_reweight", **_LOOP}),
}


def cells(seeds: int) -> list[Cell]:
    """Return what is to be computed: seed by seed, so that what is there at any time is of every method."""
    kinds = [(name, TRAINED) for name in METHODS] + [(name, 0.0) for name in ("prototypical", "r2d2", "maml")]
    return [Cell(name, noise, seed) for seed in range(seeds) for name, noise in kinds]


def spec_of(cell: Cell, tasks: int, judged: int) -> RunSpec:
    """Return the run of a cell: so many training tasks, in versions of 8, and so many test tasks."""
    method = METHODS[cell.method]
    raw = {
        "name": cell.name.replace("_", "-"),
        "seed": cell.seed,
        "data": {"name": "glyphs", "image_size": 16},
        "task": _TASK,
        "learner": method.learner | {"network": _NETWORK},
        "sampling": {"label_noise": cell.noise},
        "outer": {"versions": tasks // 8, "meta_batch": 8, "job_size": 8, "lr": 3e-3, "schedule": "cosine"},
        "evaluation": {"test_tasks": judged, "chunk_size": 25},
    }
    return settled(RunSpec.model_validate(raw), "cpu")


def judged_at(spec: RunSpec, share: float) -> RunSpec:
    """Return ``spec`` judged by tasks with another share of wrong labels."""
    return spec.model_copy(update={"evaluation": spec.evaluation.model_copy(update={"label_noise": share})})
