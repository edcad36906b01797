"""Phiforge's own job by the engine that the variant names: one episode, or by ``vmap`` a meta-batch at once."""

import sys
from pathlib import Path

from work import INNER_LR, Peer, Task, Workload, phi_of, serve

sys.path.insert(0, str(Path(__file__).parents[2]))

from phiforge.fleet.memory import keep_freed_memory
from phiforge.learning.estimators import Step, build_estimator
from phiforge.learning.estimators.backpropagation import BackpropagationConfig
from phiforge.learning.estimators.first_order import FirstOrderConfig
from phiforge.learning.learners import TaskShape, build_learner
from phiforge.learning.learners.maml import MamlConfig
from phiforge.learning.learners.prototypical import PrototypicalConfig
from phiforge.learning.repeatable import repeat_exactly
from phiforge.spec.run import RunSpec
from phiforge.tasks.episodes import Episode


def build(workload: Workload, variant: str, device: str) -> Peer:
    """Return the learner as a trainer runs it."""
    keep_freed_memory()
    repeat_exactly()
    adapting = MamlConfig(inner_lr=INNER_LR, inner_steps=max(1, workload.inner_steps))
    config = adapting if workload.adapts else PrototypicalConfig()
    learner = build_learner(config, TaskShape(workload.n_way, (1, 28, 28), engine=variant))
    estimator = build_estimator(BackpropagationConfig() if workload.second_order else FirstOrderConfig())
    together = workload.meta_batch if variant == "vmap" else 1
    spec = RunSpec.model_validate({"numerics": {"chunk": together}})
    phi, outer = {name: value.to(device) for name, value in phi_of(workload).items()}, Step(spec, 0)

    def contributed(*tasks: Task) -> dict:
        episodes = [Episode(*task, task.support_y) for task in tasks]
        return estimator.contribute(learner, phi, episodes, outer, 0).values

    return Peer(contributed, lambda task: float(contributed(task)["conv0.weight"].norm()), together)


serve(build)
