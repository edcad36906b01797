"""Inner loops of a few steps, what they do to a task, and torch's own SGD to compare them with."""

import torch
import torch.nn.functional as F

from phiforge.learning.learners import EVALUATION, Mode
from phiforge.learning.networks.conv4 import Conv4Config
from tests.unit.cases import adapt, learner_of

TRAINING = Mode(training=True)
RATE = 0.125
"""The same in every type."""
LAYER = Conv4Config(channels=8, norm="layer")
PER_STEP = Conv4Config(channels=8, norm="per_step")


def loop(config, steps=2, network=LAYER, **settings):
    """A learner of an inner loop of that many steps, in meta-training and on unseen tasks."""
    return learner_of(
        config(inner_lr=RATE, inner_steps=steps, inner_steps_evaluation=steps, network=network, **settings)
    )


def moved(before, after):
    return {name for name in before if not torch.equal(before[name], after[name])}


def queries_of(learner, phi, task, mode=EVALUATION):
    return adapt(learner, phi, task.support_x, task.support_y, mode)(task.query_x)


def trained_by_torch(learner, start, task, rates, **settings):
    """What torch's own SGD makes of ``start``, a step for each of ``rates``."""
    theta = {name: value.clone().requires_grad_() for name, value in start.items()}
    sgd = torch.optim.SGD(theta.values(), lr=1.0, **settings)
    for rate in rates:
        sgd.param_groups[0]["lr"] = rate
        sgd.zero_grad()
        F.cross_entropy(learner.model.outputs(theta, task.support_x), task.support_y).backward()
        sgd.step()
    return {name: value.detach() for name, value in theta.items()}
