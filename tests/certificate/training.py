"""Short trainings on sinusoids: an estimator that is right makes φ better, and soon."""

from typing import NamedTuple

from phiforge.learning.estimators import Step, build_estimator
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import EVALUATION, Learner, Mode, TaskShape, build_learner
from phiforge.learning.optimizers import init_state
from phiforge.learning.reduction import reduce
from phiforge.learning.tensors import decode
from phiforge.spec.read import parse_spec
from phiforge.spec.run import RunSpec
from phiforge.tasks.episodes import Episode
from phiforge.tasks.families import build_family

JUDGED = 100
"""Unseen tasks that φ is judged by, before and after."""


class Training(NamedTuple):
    """A run on 10-shot sinusoids, and the query loss on unseen tasks that it must get below."""

    learner: dict
    estimator: dict
    outer: dict
    below: float
    numerics: dict = {}  # noqa: RUF012 - never changed

    @property
    def spec(self) -> RunSpec:
        """The run as it would be submitted."""
        return parse_spec(
            {
                "data": {"name": "sinusoid"},
                "task": {"n_way": 1, "k_shot": 10, "n_query": 10},
                "learner": {"network": {"name": "mlp"}} | self.learner,
                "estimator": self.estimator,
                "outer": self.outer,
                "numerics": self.numerics,
            }
        )


class Losses(NamedTuple):
    """Query loss on unseen tasks by φ₀ and by the last φ, and the limit of the latter."""

    before: float
    after: float
    below: float

    @property
    def holds(self) -> bool:
        """Say whether the last φ is good enough."""
        return self.after < self.below


def run(training: Training) -> Losses:
    """Train in this process: contributions of every job, reduced to the next φ, as the trainer does."""
    spec = training.spec
    engine, bfloat16 = spec.numerics.settled_engine, spec.numerics.bfloat16
    learner = build_learner(spec.learner, TaskShape(1, (1,), regression=True, engine=engine, bfloat16=bfloat16))
    phi = learner.init_phi(torch_generator(spec.seed, "phi"))
    before, state = judged(learner, phi, spec), init_state(spec.outer, phi)
    estimator = build_estimator(spec.estimator)
    for version in range(spec.outer.versions):
        step = Step(spec, version)
        tasks = tasks_of(spec, spec.outer.meta_batch, "training", version)
        jobs = [tasks[start : start + spec.outer.job_size] for start in range(0, len(tasks), spec.outer.job_size)]
        parts = [estimator.contribute(learner, phi, each, step, job).to_bytes() for job, each in enumerate(jobs)]
        commit = reduce(estimator, step, phi, state, parts)
        phi, state = decode(commit.phi), decode(commit.optimizer)
    return Losses(before, judged(learner, phi, spec), training.below)


def tasks_of(spec: RunSpec, count: int, *seed: int | str) -> list[Episode]:
    """Return sinusoid tasks named by a seed."""
    return list(build_family(spec.data).sample("train", spec.task, count, *seed).episodes())


def judged(learner: Learner, phi: dict, spec: RunSpec) -> float:
    """Return the mean query loss on unseen tasks; of a φ that holds probabilities, that of choices drawn by them."""
    mode = Mode(training=True, progress=1.0) if learner.chooses else EVALUATION
    tasks = tasks_of(spec, JUDGED, "judged")
    losses = [
        learner.query_outcome(phi, task, mode, torch_generator("judged", index)).loss.item()
        for index, task in enumerate(tasks)
    ]
    return sum(losses) / len(losses)


BACKPROPAGATION, FIRST_ORDER = {"name": "backpropagation"}, {"name": "first_order"}
TINY = {"network": {"name": "mlp", "width": 20, "layers": 1}}
SMALL = {"network": {"name": "mlp", "width": 20}}
TWO_STEPS = {"inner_steps": 2, "inner_steps_evaluation": 2}
FIVE_STEPS = {"inner_steps": 5, "inner_steps_evaluation": 5}
USUAL = {"meta_batch": 6, "job_size": 3, "versions": 120, "lr": 5e-3}
SHORT = {"meta_batch": 4, "job_size": 4, "versions": 80, "lr": 2e-2}
STEPPING = {
    "anil": ({"inner_lr": 0.05} | TWO_STEPS, USUAL, 2.9),
    "boil": ({"inner_lr": 0.02} | TWO_STEPS, USUAL, 2.7),
    "hyperparameters": ({"inner_lr": 0.001} | FIVE_STEPS, SHORT | {"lr": 0.3, "versions": 30}, 3.4),
    "layer_rates": ({"inner_lr": 0.02} | TWO_STEPS, USUAL, 2.7),
    "learned_optimizer": ({"units": 8} | TWO_STEPS | TINY, SHORT, 3.4),
    "maml": ({"inner_lr": 0.02} | TWO_STEPS, USUAL, 2.7),
    "maml_plus_plus": ({"inner_lr": 0.02} | TWO_STEPS, USUAL | {"lr": 3e-3}, 2.8),
    "meta_dropout": ({"inner_lr": 0.02} | TWO_STEPS, USUAL, 2.7),
    "meta_lstm": ({"inner_lr": 0.02, "units": 8} | TWO_STEPS | SMALL, SHORT | {"lr": 1e-2}, 3.0),
    "meta_sgd": ({"inner_lr": 0.02} | TWO_STEPS, USUAL, 2.9),
    "meta_weight_net": ({"inner_lr": 0.02} | TWO_STEPS, USUAL, 2.7),
}
"""Of each learner whose loss has a gradient: settings, outer loop, and what its loss must get below."""

CHOICES = {"name": "chosen_training", "steps": (1, 60), "rates": (0.001, 0.03)}
REPTILE = {"name": "reptile", "inner_lr": 0.01, "inner_steps": 5, "batch": None}
PLAIN = {"optimizer": {"name": "sgd"}, "lr": 0.5, "clip_norm": None, "meta_batch": 4, "job_size": 2, "versions": 120}
PULLED = {"name": "maml", "inner_lr": 0.02, "inner_steps": 8, "inner_steps_evaluation": 8, "proximal": 2.0}

TRAININGS: dict[tuple[str, str], Training] = {
    (name, estimator["name"]): Training({"name": name} | settings, estimator, outer, below)
    for name, (settings, outer, below) in STEPPING.items()
    for estimator in (BACKPROPAGATION, FIRST_ORDER)
} | {
    ("maml", "reptile"): Training({"name": "maml", "inner_lr": 0.02}, REPTILE, PLAIN, 2.0),
    ("maml", "implicit"): Training(
        PULLED, {"name": "implicit", "iterations": 3}, USUAL | {"lr": 0.01, "versions": 80}, 2.9
    ),
    ("maml", "evolution"): Training(
        {"name": "maml", "inner_lr": 0.05, "inner_steps_evaluation": 1} | TINY,
        {"name": "evolution", "sigma": 0.1, "pairs": 8},
        {"meta_batch": 4, "job_size": 1, "versions": 60, "lr": 0.05},
        3.8,
    ),
    ("hyperparameters", "persistent_evolution"): Training(
        {"name": "hyperparameters", "inner_lr": 0.001} | FIVE_STEPS,
        {"name": "persistent_evolution", "sigma": 0.3, "pairs": 2, "truncation": 3},
        {"meta_batch": 4, "job_size": 2, "versions": 20, "lr": 0.3},
        3.45,
    ),
    ("chosen_training", "reinforce"): Training(
        CHOICES, {"name": "reinforce"}, {"meta_batch": 12, "job_size": 6, "versions": 15, "lr": 0.4}, 2.9
    ),
    ("chosen_training", "evolution"): Training(
        CHOICES,
        {"name": "evolution", "sigma": 1.0, "pairs": 2},
        {"meta_batch": 4, "job_size": 1, "versions": 12, "lr": 0.4},
        2.9,
    ),
}
