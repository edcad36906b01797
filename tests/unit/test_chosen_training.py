"""A discrete φ: choices are drawn in meta-training, by their probabilities, and settled on unseen tasks."""

import math

import pytest
import torch
from pydantic import ValidationError

from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import EVALUATION, Mode
from phiforge.learning.learners.chosen_training import ChosenTrainingConfig
from phiforge.learning.learners.from_scratch import FromScratchConfig
from phiforge.learning.networks.conv4 import Conv4Config
from tests.unit.cases import adapt, doubles, learner_of, outcome_of, phi_of, task_of

NETWORK = Conv4Config(channels=8, norm="layer")
LEARNER = learner_of(ChosenTrainingConfig(steps=(1, 3, 5), rates=(0.02, 0.3), network=NETWORK))
PHI = {"steps": doubles([0.5, 0.3, 0.2]).log(), "rates": doubles([0.1, 0.9]).log()}
TRAINING = Mode(training=True)


def test_every_choice_is_as_likely_at_first():
    # Given a fresh φ, I expect a logit of zero for each entry of each list, and nothing else.
    assert {name: value.tolist() for name, value in phi_of(LEARNER).items()} == {"steps": [0] * 3, "rates": [0] * 2}


def test_choices_are_drawn_by_their_probabilities():
    # Given many draws, I expect each choice as often as φ says (five standard errors),
    generator, draws = torch_generator("draws"), 3000
    chosen = [LEARNER.choose(PHI, TRAINING, generator) for _ in range(draws)]
    for name, logits in PHI.items():
        for index, probability in enumerate(logits.exp().tolist()):
            count = sum(choice[name] == index for choice in chosen)
            assert abs(count - draws * probability) < 5 * math.sqrt(draws * probability * (1 - probability))
    # the two lists by themselves,
    both = sum(choice == {"steps": 0, "rates": 1} for choice in chosen) / draws
    assert abs(both - 0.5 * 0.9) < 5 * math.sqrt(0.45 * 0.55 / draws)
    # and the same from the same generator, in either type.
    again = torch_generator("draws")
    assert [LEARNER.choose(PHI, TRAINING, again) for _ in range(100)] == chosen[:100]
    again, floats = torch_generator("draws"), {name: value.float() for name, value in PHI.items()}
    assert [LEARNER.choose(floats, TRAINING, again) for _ in range(100)] == chosen[:100]


def test_unseen_tasks_get_the_likeliest():
    # Given any generator, I expect the likeliest of each list, the first of equals, and no draw.
    generator = torch_generator("draws")
    before = generator.get_state()
    assert LEARNER.choose(PHI, EVALUATION, generator) == {"steps": 0, "rates": 1}
    assert LEARNER.choose(phi_of(LEARNER), EVALUATION, generator) == {"steps": 0, "rates": 0}
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize(("steps", "rate"), [(0, 0), (1, 1), (2, 0)])
def test_a_choice_is_training_from_scratch(steps, rate):
    # Given φ that makes one choice the likeliest, I expect on unseen tasks what training from scratch so gives.
    phi = {"steps": torch.eye(3)[steps].double(), "rates": torch.eye(2)[rate].double()}
    config = FromScratchConfig(inner_steps=(1, 3, 5)[steps], inner_lr=(0.02, 0.3)[rate], network=NETWORK)
    task = task_of()
    found = adapt(LEARNER, phi, task.support_x, task.support_y)(task.query_x)
    assert torch.equal(found, adapt(learner_of(config), {}, task.support_x, task.support_y)(task.query_x))
    assert LEARNER.transductive == learner_of(config).transductive


@pytest.mark.parametrize("seed", range(5))
def test_the_probability_of_what_was_chosen(seed):
    # Given a task of meta-training
    task, phi = task_of(), {name: value.clone().requires_grad_() for name, value in PHI.items()}
    found = outcome_of(LEARNER, phi, task, TRAINING, seed)
    choice = LEARNER.choose(PHI, TRAINING, torch_generator("learner", seed))
    # I expect the probability of the choice that its generator draws, which is what the loss is of,
    expected = sum(PHI[name][index].item() for name, index in choice.items())
    assert found.log_probability.item() == pytest.approx(expected)
    predict = adapt(LEARNER, PHI, task.support_x, task.support_y, TRAINING, seed)
    rows = predict(task.query_x).log_softmax(1)
    assert found.loss.item() == pytest.approx(-rows[range(15), task.query_y].mean().item())
    # the former to have a gradient, one minus the probability at the choice, the latter none.
    assert not found.loss.requires_grad
    for name, slope in zip(phi, torch.autograd.grad(found.log_probability, phi.values()), strict=True):
        chosen = torch.eye(len(slope))[choice[name]]
        assert torch.allclose(slope, chosen - PHI[name].exp())
    # The same seed gives the same, on unseen tasks too.
    again = outcome_of(LEARNER, PHI, task, TRAINING, seed)
    assert (again.loss, again.log_probability) == (found.loss, found.log_probability)


@pytest.mark.parametrize(
    ("lists", "fault"),
    [
        ({"steps": ()}, "at least 1 item"),
        ({"rates": ()}, "at least 1 item"),
        ({"steps": (5, 0)}, "greater than or equal to 1"),
        ({"rates": (0.1, 0.0)}, "greater than 0"),
        ({"rates": (math.inf,)}, "finite"),
    ],
    ids=str,
)
def test_lists_that_are_refused(lists, fault):
    with pytest.raises(ValidationError, match=fault):
        ChosenTrainingConfig(**lists)
