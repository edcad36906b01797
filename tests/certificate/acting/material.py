"""What the proofs of learners that act are made with: small worlds and networks, in float64."""

from typing import Any

import torch

from phiforge.learning.learners import TaskShape, build_learner
from phiforge.registry.section import Section
from phiforge.spec.task import Task
from phiforge.tasks.episodes import Episode
from phiforge.tasks.families.navigation import Navigation, NavigationData
from phiforge.tasks.families.tabular_mdp import TabularMdp, TabularMdpData
from tests.certificate.material import configured

STATES, ACTIONS, HORIZON, DISCOUNT = 3, 2, 3, 0.9
TASK = Task(n_way=1, k_shot=4, n_query=5)
_MLP = {"name": "mlp", "width": 5}


def small(learner: str, **settings: Any) -> Section:
    """Return a learner of a small network."""
    return configured(learner, **({"units": 5} if learner == "rl2" else {"network": _MLP}), **settings)


def world(name: str = "tabular_mdp") -> TabularMdp | Navigation:
    """Return a small world, of choices or of numbers."""
    if name == "navigation":
        return Navigation(NavigationData(horizon=HORIZON, discount=DISCOUNT))
    return TabularMdp(TabularMdpData(states=STATES, actions=ACTIONS, horizon=HORIZON, discount=DISCOUNT))


def learner_in(config: Section, place: TabularMdp | Navigation) -> Any:
    """Return a learner that acts in a world."""
    return build_learner(config, TaskShape(1, place.input_shape(place.config), world=place))


def tasks_in(place: TabularMdp | Navigation, count: int = 1) -> list[Episode]:
    """Return tasks of a world in float64."""
    return list(place.sample("train", TASK, count, "acting").episodes(dtype=torch.float64))
