"""A learner that is shown a task of other ways than it is built for says so."""

import pytest
import torch

from phiforge.base.errors import TaskError
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import LEARNERS, TaskShape, build_learner
from phiforge.learning.learners.bases.learner import EVALUATION
from phiforge.registry.choice import default_of


@pytest.mark.parametrize("n_way", [7, 4])
@pytest.mark.parametrize("name", sorted(name for name, each in LEARNERS.items() if each.supervised))
def test_other_ways_than_it_is_built_for(name, n_way):
    # Given a learner of five ways, if it is shown a task of more or of fewer, I expect both numbers and the way out.
    learner = build_learner(default_of(LEARNERS, name), TaskShape(n_way=5, input_shape=(1, 28, 28), train_classes=20))
    phi = learner.init_phi(torch_generator("phi"))
    with pytest.raises(TaskError, match=rf"'{name}' is built for 5 ways, .* 0 to 4; this one has 0, 1, 2, 3.*: build"):
        learner.adapt(phi, torch.zeros(n_way, 1, 28, 28), torch.arange(n_way), EVALUATION, torch_generator(0))


def test_values_are_no_labels():
    # Given a regression, I expect any values to be taken.
    config = LEARNERS["maml"].Config.model_validate({"name": "maml", "network": {"name": "mlp"}})
    learner = build_learner(config, TaskShape(n_way=1, input_shape=(1,), regression=True))
    phi, x = learner.init_phi(torch_generator("phi")), torch.linspace(-1, 1, 5)[:, None]
    assert learner.adapt(phi, x, 7 * x, EVALUATION, torch_generator(0))(x).shape == (5, 1)
