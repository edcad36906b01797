"""MetaNAS and T-NAS: what a task adapts, at which temperature, and what is left once edges are discrete."""

import pytest
import torch

from phiforge.learning.estimators.bases.gradients import gradient_of
from phiforge.learning.learners import EVALUATION, Mode, build_learner
from phiforge.learning.learners.bases.learner import TaskShape
from phiforge.learning.learners.maml import MamlConfig
from phiforge.learning.networks.bases.relaxed import hardened, is_architecture
from tests.references import architecture as reference
from tests.references.tasks import PlainTask, leaves_of, summed_gradient
from tests.unit.architectures.cases import NORMAL, chosen, parameters_of, searching
from tests.unit.cases import SHAPE, adapt, outcome_of, task_of

TRAINING = Mode(training=True, second_order=True)
STEPS = 2


def plain(task):
    return PlainTask(task.support_x, task.support_y, task.query_x, task.query_y, task.classes)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("adapts", ["both", "weights", "architecture"])
def test_its_gradient_is_that_of_the_papers_inner_loop(adapts, exact):
    # Given logits far apart and rates that differ, if the query loss is differentiated through the inner loop
    rates = {"inner_lr": 0.2, "architecture_lr": 0.7}
    learner = searching(inner_steps=STEPS, adapts=adapts, temperature=0.5, temperature_last=0.5, **rates)
    phi, task = parameters_of(learner), task_of()
    leaves = leaves_of(phi)
    found = gradient_of([outcome_of(learner, leaves, task, Mode(training=True, second_order=exact)).loss], leaves)

    # I expect the gradient of an independent inner loop, to the tenth digit.
    def loss(at, each):
        return reference.t_nas(
            at, each, adapts=adapts, temperatures=[0.5] * (STEPS + 1), steps=STEPS, exact=exact, **rates
        )

    _, expected = summed_gradient(loss, phi, [plain(task)])
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.allclose(found[name], value, rtol=0, atol=1e-10 * max(1.0, float(value.abs().max()))), name


@pytest.mark.parametrize(("adapts", "moves"), [("both", {True, False}), ("weights", {False}), ("architecture", {True})])
def test_what_a_task_adapts(adapts, moves):
    # Given what a task is to adapt, I expect an inner step to move that, all of it, and nothing else.
    learner = searching(adapts=adapts, inner_steps=1)
    phi, task = {name: value.requires_grad_() for name, value in parameters_of(learner).items()}, task_of()
    before, after = learner.path(phi, task.support_x, task.support_y, TRAINING)
    moved = {name for name in phi if not torch.equal(before[name], after[name])}
    assert {is_architecture(name) for name in moved} == moves
    assert moved == {name for name in phi if is_architecture(name) in moves}


def test_temperatures_by_hand():
    # Given an annealing from 1 to 0.01 over the run, I expect equal factors in meta-training, and the last elsewhere;
    learner = searching(temperature=1.0, temperature_last=0.01)
    at = [learner.temperature(3, Mode(training=True, progress=progress)) for progress in (0.0, 0.5, 1.0)]
    assert at == pytest.approx([1.0, 0.1, 0.01])
    assert learner.temperature(0, EVALUATION) == pytest.approx(0.01)
    # over each task, the same by its steps, on unseen tasks too, where more steps share the last.
    learner = searching(temperature=1.0, temperature_last=0.01, annealed="over_task", inner_steps=2)
    for mode in (Mode(training=True, progress=0.7), EVALUATION):
        assert [learner.temperature(step, mode) for step in (0, 1, 2, 5)] == pytest.approx([1.0, 0.1, 0.01, 0.01])


def predictions(phi, task, **settings):
    learner = searching(inner_lr=0.1, inner_steps=STEPS, inner_steps_evaluation=STEPS, **settings)
    return adapt(learner, phi, task.support_x, task.support_y)(task.query_x)


def test_discrete_before_adaptation_is_maml_on_the_discrete_cell():
    # Given φ whose logits say a cell, if unseen tasks are met by that cell alone
    task, learner = task_of(), searching()
    phi = chosen(parameters_of(learner), "conv3x3", "skip", "conv1x1")
    found = predictions(phi, task, discretise="at_the_start")
    # I expect what MAML on the discrete network makes of the same weights.
    network = learner.architecture(phi)["learner"]["network"]
    raw = {"name": "maml", "inner_lr": 0.1, "inner_steps": STEPS, "inner_steps_evaluation": STEPS, "network": network}
    maml = build_learner(MamlConfig.model_validate(raw), TaskShape(5, SHAPE))
    expected = adapt(maml, phi, task.support_x, task.support_y)(task.query_x)
    assert torch.allclose(found, expected, rtol=0, atol=1e-10)


def test_discrete_after_adaptation_is_the_adapted_weights_in_the_cell_they_say():
    # Given the entries after the inner loop on an unseen task, if edges are made discrete then
    task, learner = task_of(), searching(inner_lr=0.1, inner_steps_evaluation=STEPS)
    phi = parameters_of(learner)
    end = learner.path(phi, task.support_x, task.support_y, EVALUATION)[-1]
    # I expect the predictions of these weights with one operation an edge: neither the mixture's, nor φ's cell's.
    found = predictions(phi, task, discretise="at_the_end")
    assert torch.allclose(found, learner.model.outputs(hardened(end), task.query_x), rtol=0, atol=1e-12)
    for other in ("never", "at_the_start"):
        assert not torch.allclose(found, predictions(phi, task, discretise=other), atol=1e-3)


def test_meta_training_never_makes_edges_discrete():
    # Given any choice for unseen tasks, I expect the same loss in meta-training: an argmax would have no gradient.
    task, losses = task_of(), set()
    for choice in ("never", "at_the_end", "at_the_start"):
        learner = searching(discretise=choice)
        losses.add(outcome_of(learner, leaves_of(parameters_of(learner)), task, TRAINING).loss.item())
    assert len(losses) == 1


def test_a_certain_mixture_needs_no_discretising():
    # Given a temperature near 0, I expect the mixture to predict as the discrete cell does.
    task = task_of()
    phi = chosen(parameters_of(searching()), "pool3x3", "conv3x3", "skip")
    cold = {"temperature_last": 0.01, "adapts": "weights"}
    found = predictions(phi, task, discretise="never", **cold)
    assert torch.allclose(found, predictions(phi, task, discretise="at_the_end", **cold), atol=1e-9)
    assert phi[NORMAL].shape == (3, 5)
