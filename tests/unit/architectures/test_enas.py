"""ENAS: each task has a network that is drawn for it, and draws that did better than others become likelier."""

import pytest
import torch

from phiforge.learning.estimators import Step, build_estimator
from phiforge.learning.estimators.enas import EnasConfig
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import EVALUATION
from phiforge.learning.networks.bases.policy import drawn
from phiforge.learning.networks.bases.relaxed import certain, is_architecture
from phiforge.learning.optimizers import init_state
from phiforge.learning.reduction import reduce
from phiforge.learning.tensors import decode
from phiforge.spec.cells.edges import OPERATIONS
from phiforge.spec.run import RunSpec
from tests.unit.architectures.cases import NORMAL, RELAXED, chosen, parameters_of, searching
from tests.unit.cases import task_of

STEP = Step(RunSpec(), 0)


def contributed(learner, phi, tasks, job=0, **settings):
    return build_estimator(EnasConfig(**settings)).contribute(learner, phi, tasks, STEP, job)


def operations(phi, *seed):
    """What is drawn by ``seed``, in words."""
    choices = drawn({NORMAL: phi[NORMAL]}, torch_generator(*seed))
    return [OPERATIONS[place] for place in choices[NORMAL].tolist()]


def test_weights_that_were_not_drawn_have_no_gradient():
    # Given one task, if the network that is drawn for it is looked up
    learner = searching("prototypical")
    phi = parameters_of(learner)
    drawn_ones = set(zip(learner.network.edges, operations(phi, *STEP.seed("episode", 0, 0)), strict=True))
    values = contributed(learner, phi, [task_of()]).values
    # I expect gradients of the convolutions on its edges, as far as its end hears of them, and of no others.
    live = {name for name, value in values.items() if ".cell0." in name and bool(value.any())}
    assert live
    assert all(any(f".{edge}.{operation}." in name for edge, operation in drawn_ones) for name in live)


def test_a_job_of_one_task_has_no_baseline():
    # Given one task and no entropy, I expect its loss times the gradient of log p of what was drawn.
    learner = searching("prototypical")
    phi = parameters_of(learner)
    found = contributed(learner, phi, [task_of()], entropy=0.0)
    choices = drawn({NORMAL: phi[NORMAL]}, torch_generator(*STEP.seed("episode", 0, 0)))[NORMAL]
    leaf = phi[NORMAL].requires_grad_()
    (slope,) = torch.autograd.grad(leaf.log_softmax(dim=-1)[torch.arange(3), choices].sum(), leaf)
    assert torch.allclose(found.values[NORMAL], found.loss * slope, rtol=1e-12)


def test_draws_that_are_all_alike_move_no_logits():
    # Given a policy that is nearly certain, four tasks that are the same, and no entropy
    learner, task = searching("prototypical"), task_of()
    phi = parameters_of(learner)
    certainly = phi | {NORMAL: 100 * chosen(phi, "conv3x3", "skip", "none")[NORMAL]}
    # I expect no draw to be better than others.
    found = contributed(learner, certainly, [task] * 4, entropy=0.0)
    assert not found.values[NORMAL].any()


def test_random_search_leaves_the_logits_alone():
    # Given logits that are certain of one cell, if all operations are drawn alike
    learner, task = searching("prototypical"), task_of()
    phi = parameters_of(learner)
    certainly = phi | {NORMAL: 100 * chosen(phi, "none", "none", "none")[NORMAL]}
    found = contributed(learner, certainly, [task] * 8, policy="uniform")
    # I expect no direction for them, and other cells than theirs to have been trained.
    assert found.values.keys() == phi.keys() - {NORMAL}
    assert any(".cell0." in name and bool(value.any()) for name, value in found.values.items())


@pytest.mark.parametrize("settings", [{}, {"policy": "uniform"}])
def test_draws_are_named_by_job_and_place(settings):
    # Given the same tasks, I expect a job to contribute the same again, and another job other draws.
    learner, tasks = searching("prototypical"), [task_of()] * 3
    phi = parameters_of(learner)
    first, again, other = (contributed(learner, phi, tasks, job, **settings).to_bytes() for job in (0, 0, 1))
    assert first == again
    assert first != other


def test_a_policy_learns_what_does_best():
    # Given one task that is met again and again, and cells of one edge
    learner = searching("prototypical", network=RELAXED | {"nodes": 2, "stages": 1, "norm": "none"})
    outer = {"optimizer": {"name": "adam"}, "lr": 0.01, "meta_batch": 8, "job_size": 8, "versions": 60}
    spec = RunSpec.model_validate({"outer": outer | {"groups": [{"pattern": "architecture.*", "lr": 0.2}]}})
    phi = {name: value.float() for name, value in parameters_of(learner, spread=0.0).items()}
    tasks = [task_of(dtype=torch.float32)] * 8
    estimator, state = build_estimator(EnasConfig()), init_state(spec.outer, phi)
    before = learner.query_outcome(phi, tasks[0], EVALUATION, torch_generator(0)).loss.item()
    # If it is trained
    for version in range(spec.outer.versions):
        step = Step(spec, version)
        found = reduce(estimator, step, phi, state, [estimator.contribute(learner, phi, tasks, step, 0).to_bytes()])
        phi, state = decode(found.phi), decode(found.optimizer)
    # I expect nothing at all to be unlikely, and the likeliest cell to do better than the mixture did at first.
    chances = dict(zip(OPERATIONS, phi[NORMAL][0].softmax(dim=0).tolist(), strict=True))
    assert chances["none"] < 0.05
    best = {**phi, **certain(phi, {NORMAL: phi[NORMAL].argmax(dim=-1)})}
    assert learner.query_outcome(best, tasks[0], EVALUATION, torch_generator(0)).loss.item() < 0.9 * before


def test_every_operation_is_drawn_as_often_as_its_probability_says():
    # Given logits far apart, if very many cells are drawn, I expect frequencies within four standard errors.
    phi, count = parameters_of(searching()), 4000
    logits = {NORMAL: phi[NORMAL]}
    seen = torch.zeros_like(phi[NORMAL])
    generator = torch_generator("many")
    for _ in range(count):
        seen[torch.arange(3), drawn(logits, generator)[NORMAL]] += 1
    chances = phi[NORMAL].softmax(dim=-1)
    errors = (seen / count - chances).abs() / (chances * (1 - chances) / count).sqrt()
    assert float(errors.max()) < 4
    assert {name for name in phi if is_architecture(name)} == {NORMAL}
