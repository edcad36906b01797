"""Which parameters an inner loop moves."""

from itertools import pairwise

import pytest

from phiforge.base.errors import SpecError
from phiforge.learning.learners import EVALUATION
from phiforge.learning.learners.anil import AnilConfig
from phiforge.learning.learners.boil import BoilConfig
from phiforge.learning.learners.maml import MamlConfig
from phiforge.learning.learners.maml_plus_plus import MamlPlusPlusConfig
from phiforge.learning.learners.meta_sgd import MetaSgdConfig
from phiforge.learning.networks.bases.normalisation import is_statistic
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.spec.read import parse_spec
from tests.unit.cases import phi_of, task_of
from tests.unit.inner_loops.cases import LAYER, PER_STEP, TRAINING, loop, moved

HEAD = {"head.weight", "head.bias"}


@pytest.mark.parametrize("mode", [TRAINING, EVALUATION], ids=["training", "unseen"])
@pytest.mark.parametrize("network", [LAYER, Conv4Config(channels=8, norm="running"), PER_STEP], ids=lambda n: n.norm)
@pytest.mark.parametrize("config", [AnilConfig, BoilConfig, MamlConfig, MamlPlusPlusConfig, MetaSgdConfig])
def test_what_an_inner_loop_moves(config, network, mode):
    # Given a network and its inner loop
    learner, task = loop(config, network=network), task_of()
    phi = phi_of(learner)
    path = learner.path(phi, task.support_x, task.support_y, mode)
    # I expect its start, a copy of it after each step, no averages changed, nor the normalisation of single steps,
    assert len(path) == 3
    still = {name for name in path[0] if is_statistic(name) or (network.norm == "per_step" and name.startswith("norm"))}
    expected = {AnilConfig: HEAD, BoilConfig: path[0].keys() - HEAD}.get(config, path[0].keys()) - still
    for before, after in pairwise(path):
        # and the rest to move: of ANIL the head alone, of BOIL the body alone, of others all.
        assert moved(before, after) == expected
        assert before.keys() == after.keys()
    assert {name for name in path[0] if learner.moves(name)} == expected


@pytest.mark.parametrize("estimator", ["reptile", "implicit"])
def test_estimators_that_need_all_of_phi_to_move(estimator):
    # Given an inner loop that leaves the normalisation of single steps alone, I expect them to refuse it.
    learner = {"name": "maml", "proximal": 1.0, "network": {"name": "conv4", "norm": "per_step"}}
    with pytest.raises(SpecError, match=r"estimator\.name"):
        parse_spec({"learner": learner, "estimator": {"name": estimator}})
