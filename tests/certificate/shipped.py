"""What is shipped, not formulas alone: how good implicit gradients are at the settings of the spec that comes with it.

φ is what that spec makes of its first tasks, on glyphs, which need no download, in place of Omniglot.
"""

import math
from functools import cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import torch

from phiforge.learning.estimators import Step, build_estimator
from phiforge.learning.estimators.implicit import Implicit
from phiforge.learning.learners import Mode
from phiforge.learning.meta_training import meta_train
from phiforge.learning.start import learner_for
from phiforge.learning.tensors import Tensors
from phiforge.spec.read import parse_spec, read_spec
from phiforge.spec.run import RunSpec
from phiforge.tasks.drawing import Tasks
from tests.certificate.material import Figure, estimating

SPEC = Path(__file__).parents[2] / "specs" / "omniglot-implicit-maml-5w1s.yaml"
GLYPHS = {"name": "glyphs", "image_size": 28}
TRAINED, SOON, EXAMINED = 200, 20, 8
"""Tasks that φ has learned from, tasks after which the same holds already, and tasks that are looked at."""
LEAST_COSINE, MOST_RESIDUAL, LEAST_CURVATURE = 0.3, 0.9, 0.0
"""The shipped inner loop stops long before it has converged: what is held here is that it gets somewhere, and how far
the contribution still is the gradient. Far from 1 and 0 as they may be, they must not get worse unseen."""


class Found(NamedTuple):
    """The cosine between the summed contribution and ∂L/∂φ, the largest inner residual, the smallest curvature."""

    cosine: float
    residual: float
    curvature: float


@cache
def found(trained: int) -> Found:
    """Return what is found at the shipped settings, after so many tasks; it is computed once."""
    spec = parse_spec(read_spec(SPEC) | {"data": GLYPHS, "numerics": {"engine": "fused"}})
    tasks = Tasks(spec)
    version = trained // spec.outer.meta_batch
    phi = next(islice(meta_train(spec, tasks.training, tasks.train_classes), version, None)).phi
    return _at(spec, tasks, phi, version)


def _at(spec: RunSpec, tasks: Tasks, phi: Tensors, version: int) -> Found:
    learner = learner_for(spec, spec.task, (1, 28, 28), tasks.train_classes)
    implicit, exact = build_estimator(spec.estimator), build_estimator(estimating("backpropagation"))
    assert isinstance(implicit, Implicit)
    episodes = [each for job in range(EXAMINED) for each in tasks.training(version + 1, job)][:EXAMINED]
    examined = [implicit.examined(learner, phi, each, Mode(training=True)) for each in episodes]
    whole = exact.contribute(learner, phi, episodes, Step(spec, version), 0).values
    contributed = {name: sum(each.gradient[name].double() for each in examined) for name in whole}
    preconditions = [each.preconditions for each in examined]
    return Found(
        cosine(contributed, whole),
        max(each.residual for each in preconditions),
        min(each.curvature for each in preconditions),
    )


def cosine(first: Tensors, second: Tensors) -> float:
    """Return the cosine of the angle between two gradients of the same names."""
    x, y = (torch.cat([each[name].double().reshape(-1) for name in first]) for each in (first, second))
    return float(x @ y) / math.sqrt(float(x @ x) * float(y @ y))


def cosine_as_shipped(trained: int = TRAINED) -> Figure:
    """Return the cosine with the exact gradient, through all inner steps."""
    return Figure(found(trained).cosine, LEAST_COSINE, above=True)


def residual_as_shipped(trained: int = TRAINED) -> Figure:
    """Return how far the worst inner loop is from its end: 0 at a minimum."""
    return Figure(found(trained).residual, MOST_RESIDUAL)


def curvature_as_shipped(trained: int = TRAINED) -> Figure:
    """Return the smallest curvature that conjugate gradients met: above 0 they solve what they should."""
    return Figure(found(trained).curvature, LEAST_CURVATURE, above=True)
