"""DropBlock: what it drops and how much, by whose name, and that a job's contribution depends on nothing else."""

import pytest
import torch

from phiforge.learning.estimators import Step, build_estimator
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import EVALUATION, Mode, TaskShape, build_learner
from phiforge.learning.networks.bases.drawing import Draws
from phiforge.learning.networks.bases.dropping import drop_blocks
from phiforge.learning.networks.bases.normalisation import PLAIN, Pass
from phiforge.learning.tensors import fingerprint
from phiforge.registry import LEARNERS
from phiforge.spec.run import RunSpec
from tests.unit.cases import task_of

NETWORK = {"name": "resnet12", "widths": [4, 4, 4, 4], "pools": 1}
WAYS = [
    ({"name": "prototypical"}, "backpropagation"),
    ({"name": "prototypical"}, "evolution"),
    ({"name": "siamese"}, "backpropagation"),
    ({"name": "leo"}, "backpropagation"),
    ({"name": "pooled"}, "backpropagation"),
    ({"name": "maml", "inner_steps": 2}, "backpropagation"),
    ({"name": "maml", "inner_steps": 2}, "first_order"),
    ({"name": "maml", "inner_steps": 2}, "persistent_evolution"),
    ({"name": "maml", "inner_steps": 2}, "reptile"),
    ({"name": "maml", "inner_steps": 2, "proximal": 1.0}, "implicit"),
]
TASKS = [task_of(seed=seed) for seed in (0, 2)]


def at(seed=0, of="query", progress=1.0, step=0):
    return Pass(step, draws=Draws(seed, of, progress))


@pytest.mark.parametrize("block", [1, 3, 7])
@pytest.mark.parametrize("keep_rate", [0.9, 0.6])
def test_squares_are_dropped(keep_rate, block):
    # Given many maps of ones, if blocks of them are dropped at the end of a run
    ones = torch.ones(64, 16, 11, 9, dtype=torch.float64)
    found = drop_blocks(ones, at(), "layer", keep_rate, block)
    kept = found > 0
    # I expect about that share to stay (squares overlap, so that more stays where they are large),
    assert keep_rate - 0.02 < kept.double().mean() < keep_rate + 0.12
    # all of what stays to be scaled alike, and the mean to be that of before,
    assert found[kept].unique().numel() == 1
    assert found.mean().item() == pytest.approx(1)
    # and each place that is gone to be in a square that is gone, at least of that side.
    gone = torch.nn.functional.pad((~kept).double(), [block - 1] * 4)
    whole = torch.nn.functional.avg_pool2d(gone, block, stride=1) > 1 - 1e-9
    spread = torch.nn.functional.max_pool2d(whole.double(), block, stride=1) > 0
    assert torch.equal(spread[..., : kept.shape[2], : kept.shape[3]], ~kept)


def test_a_block_is_never_larger_than_its_map():
    found = drop_blocks(torch.ones(400, 4, 1, 2), at(), "layer", 0.5, 7)
    assert found.unique().numel() == 2
    assert 0.4 < (found > 0).float().mean() < 0.6


def test_nothing_is_dropped_unless_it_is_asked_for():
    # Given maps, I expect them as they are outside meta-training, at its beginning, and at a keep rate of 1.
    maps = torch.rand(4, 3, 8, 8, generator=torch_generator(0))
    for passing, keep_rate in ((PLAIN, 0.5), (at(progress=0.0), 0.5), (at(), 1.0)):
        assert torch.equal(drop_blocks(maps, passing, "layer", keep_rate, 3), maps)


def test_every_name_draws_its_own():
    # Given another episode, set, inner step or layer, I expect other places to be dropped; given the same, the same.
    maps = torch.ones(8, 8, 8, 8)
    names = [at(), at(seed=1), at(of="support"), at(step=1)]
    found = [drop_blocks(maps, each, "layer", 0.7, 3) for each in names] + [drop_blocks(maps, at(), "other", 0.7, 3)]
    assert len({fingerprint({"maps": each}) for each in found}) == len(found)
    assert torch.equal(found[0], drop_blocks(maps, at(), "layer", 0.7, 3))


def contributed(learner, estimator, version=500, keep_rate=0.6, tasks=TASKS):
    network = NETWORK | {"keep_rate": keep_rate}
    spec = RunSpec.model_validate({"learner": learner | {"network": network}, "estimator": {"name": estimator}})
    built = build_learner(LEARNERS[learner["name"]].Config.model_validate(spec.learner), TaskShape(5, (1, 16, 16), 12))
    phi = {name: value.double() for name, value in built.init_phi(torch_generator("phi")).items()}
    return build_estimator(spec.estimator).contribute(built, phi, tasks, Step(spec, version), job=1)


@pytest.mark.parametrize(("learner", "estimator"), WAYS, ids=str)
def test_a_contribution_draws_by_name(learner, estimator):
    # Given a job in the middle of a run, if it is computed twice, I expect the same bytes,
    found = contributed(learner, estimator).to_bytes()
    torch.manual_seed(7)
    assert contributed(learner, estimator).to_bytes() == found
    # and others than without dropping, for something was dropped; or at the beginning, where nothing is yet.
    assert contributed(learner, estimator, keep_rate=1).to_bytes() != found
    first, plain = (contributed(learner, estimator, version=0, keep_rate=each).to_bytes() for each in (0.6, 1))
    assert first == plain


def test_chunks_change_nothing_that_is_drawn():
    # Given two episodes in one job, I expect the loss of each to be that which it has whatever is computed beside it.
    alone = contributed({"name": "prototypical"}, "backpropagation", tasks=TASKS[:1]).loss
    both = contributed({"name": "prototypical"}, "backpropagation").loss
    other = contributed({"name": "prototypical"}, "backpropagation", tasks=[TASKS[1]]).loss
    assert both - alone != other, "the second episode of a job has draws of its own"
    assert alone == contributed({"name": "prototypical"}, "backpropagation", tasks=TASKS[:1]).loss


def test_unseen_tasks_drop_nothing():
    # Given unseen tasks, I expect a mode that draws nothing whoever asks; in meta-training the generator stays fresh.
    generator = torch_generator("episode")
    assert EVALUATION.drawing(generator).at(0).draws is None
    assert Mode(training=True).at(0).draws is None
    drawing = Mode(training=True, progress=0.5).drawing(generator)
    assert drawing.at(1).draws == Draws(generator.initial_seed(), "query", 0.5)
    assert drawing.learning(1).draws == Draws(generator.initial_seed(), "support", 0.5)
    assert torch.equal(torch.rand(3, generator=generator), torch.rand(3, generator=torch_generator("episode")))
