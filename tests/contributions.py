"""``python -m tests.contributions`` prints the hash of what one job of every learner contributes by every engine."""

import hashlib
from typing import Any, get_args

import torch

from phiforge.engine import Engine
from phiforge.episodes import Episode
from phiforge.learners import LEARNERS, TaskShape, build_learner
from phiforge.randomness import torch_generator
from phiforge.spec.run import RunSpec
from phiforge.tensors import decode, encode
from trainer.estimators import Step, build_estimator

N_WAY, SIDE = 5, 16


def spec_of(name: str) -> RunSpec:
    """Return a spec of a learner on a small network, by a gradient or by REINFORCE."""
    network: dict[str, Any] = {"name": "conv4", "channels": 8, "pools": 2}
    if name == "maml_plus_plus":
        network |= {"norm": "per_step"}
    estimator = "reinforce" if LEARNERS[name].chooses else "backpropagation"
    return RunSpec.model_validate({"learner": {"name": name, "network": network}, "estimator": {"name": estimator}})


def episode() -> Episode:
    """Return one task of random images."""
    generator = torch_generator("contributions")
    labels = torch.arange(N_WAY)
    images = torch.rand(4 * N_WAY, 1, SIDE, SIDE, generator=generator)
    return Episode(images[:N_WAY], labels, images[N_WAY:], labels.repeat_interleave(3), labels)


def contribution_hash(name: str, engine: Engine) -> str:
    """Return the SHA-256 of what a job of one episode contributes, from a φ that was read from bytes."""
    spec = spec_of(name)
    learner = build_learner(spec.learner, TaskShape(N_WAY, (1, SIDE, SIDE), train_classes=N_WAY, engine=engine))
    phi = decode(encode(learner.init_phi(torch_generator("phi"))))
    contribution = build_estimator(spec.estimator).contribute(learner, phi, [episode()], Step(spec, 0), job=0)
    return hashlib.sha256(contribution.to_bytes()).hexdigest()


if __name__ == "__main__":
    torch.set_num_threads(1)
    for learner_name in sorted(name for name, each in LEARNERS.items() if each.learns):
        for engine_name in get_args(Engine):
            print(learner_name, engine_name, contribution_hash(learner_name, engine_name))
