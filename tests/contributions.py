"""``python -m tests.contributions`` prints the hash of what one job of every learner contributes by every engine."""

import hashlib
from typing import Any, get_args

import torch

from phiforge.learning.estimators import Step, build_estimator
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import LEARNERS, Learner, TaskShape, build_learner
from phiforge.learning.tensors import decode, encode
from phiforge.spec.run import RunSpec
from phiforge.spec.task import Engine
from phiforge.tasks.episodes import Episode
from tests.networks import fitting

N_WAY, SIDE = 5, 16


def spec_of(name: str) -> RunSpec:
    """Return a spec of a learner on a small network, by a gradient or by REINFORCE."""
    network: dict[str, Any] = {"name": "conv4", "channels": 8, "pools": 2}
    if name == "maml_plus_plus":
        network |= {"norm": "per_step"}
    estimator = "reinforce" if LEARNERS[name].chooses else "backpropagation"
    learner = {"name": name, "network": fitting(name, network)}
    return RunSpec.model_validate({"learner": learner, "estimator": {"name": estimator}, "numerics": {"chunk": 2}})


def random_episodes(count: int) -> list[Episode]:
    """Return tasks of random images."""
    generator, labels = torch_generator("contributions"), torch.arange(N_WAY)
    drawn = [torch.rand(4 * N_WAY, 1, SIDE, SIDE, generator=generator) for _ in range(count)]
    return [Episode(each[:N_WAY], labels, each[N_WAY:], labels.repeat_interleave(3), labels) for each in drawn]


def serves(engine: Engine, learner: type[Learner]) -> bool:
    """Say whether an engine computes a learner of examples."""
    return learner.learns and learner.supervised and (learner.mapped or engine != "vmap")


def contribution_hash(name: str, engine: Engine) -> str:
    """Return the SHA-256 of what a job contributes, of two episodes at once or of one, from a φ read from bytes."""
    spec, tasks = spec_of(name), random_episodes(2 if engine == "vmap" else 1)
    learner = build_learner(spec.learner, TaskShape(N_WAY, (1, SIDE, SIDE), train_classes=N_WAY, engine=engine))
    phi = decode(encode(learner.init_phi(torch_generator("phi"))))
    contribution = build_estimator(spec.estimator).contribute(learner, phi, tasks, Step(spec, 0), job=0)
    return hashlib.sha256(contribution.to_bytes()).hexdigest()


if __name__ == "__main__":
    torch.set_num_threads(1)
    for learner_name, each in sorted(LEARNERS.items()):
        for engine_name in get_args(Engine):
            if serves(engine_name, each):
                print(learner_name, engine_name, contribution_hash(learner_name, engine_name))
