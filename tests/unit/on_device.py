"""Learners and tasks to compute on a device: small, of few steps."""

import torch

from phiforge.learning.networks import NETWORKS
from phiforge.learning.tensors import decode, encode
from tests.certificate.cells import FITTING
from tests.certificate.material import configured, episodes
from tests.networks import fitting

SIDE = 16


def config_of(name, estimator):
    """A learner on a small network, of few steps; one stands for those whose normalisation keeps averages."""
    config = configured(name, **FITTING.get((name, estimator), {}))
    few = {"inner_steps": 2, "inner_steps_evaluation": 1, "finetuning_steps": 2}
    changed = {field: value for field, value in few.items() if field in type(config).model_fields}
    if "network" in type(config).model_fields:
        norm = "running" if (name, estimator) == ("maml", "backpropagation") else config.network.norm
        network = fitting(name, {"name": "conv4", "channels": 8, "norm": norm, "pools": 2})
        changed["network"] = NETWORKS[network["name"]].Config.model_validate(network)
    return config.model_copy(update=changed)


def moved(tensors, device):
    return decode(encode(tensors), device)


def tasks_on(device, config, count=1, dtype=torch.float32):
    return [
        type(task)(**{name: value.to(device) for name, value in vars(task).items()})
        for task in episodes(config, SIDE, dtype, count=count, k_shot=2)
    ]
