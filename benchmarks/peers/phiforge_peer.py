"""Phiforge's own job: the contribution of one episode, by the engine that the variant names."""

import sys
from pathlib import Path

import torch
from work import INNER_LR, Peer, Task, Workload, phi_of, serve

sys.path.insert(0, str(Path(__file__).parents[2]))

from phiforge.episodes import Episode
from phiforge.learners import TaskShape, build_learner
from phiforge.learners.maml import MamlConfig
from phiforge.learners.prototypical import PrototypicalConfig
from phiforge.memory import keep_freed_memory
from phiforge.spec.estimator import BackpropagationConfig, FirstOrderConfig
from phiforge.spec.run import RunSpec
from trainer.estimators import Step, build_estimator


def build(workload: Workload, variant: str) -> Peer:
    """Return the learner as a trainer runs it."""
    keep_freed_memory()
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    adapting = MamlConfig(inner_lr=INNER_LR, inner_steps=max(1, workload.inner_steps))
    config = adapting if workload.adapts else PrototypicalConfig()
    learner = build_learner(config, TaskShape(workload.n_way, (1, 28, 28), engine=variant))
    estimator = build_estimator(BackpropagationConfig() if workload.second_order else FirstOrderConfig())
    phi, outer = phi_of(workload), Step(RunSpec(), 0)

    def contributed(task: Task) -> dict:
        return estimator.contribute(learner, phi, [Episode(*task, task.support_y)], outer, 0).values

    return Peer(contributed, lambda task: float(contributed(task)["conv0.weight"].norm()))


serve(build)
