"""Meta-training in one process: what it yields, and what it refuses."""

import pytest

from phiforge.base.errors import RunError
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import TaskShape, build_learner
from phiforge.learning.meta_training import judge, meta_train
from phiforge.spec.run import RunSpec
from phiforge.tasks.drawing import Tasks

RAW = {
    "data": {"name": "sinusoid"},
    "task": {"n_way": 1, "k_shot": 5, "n_query": 5},
    "learner": {"name": "maml", "inner_lr": 0.01, "network": {"name": "mlp"}},
    "outer": {"versions": 3, "meta_batch": 4, "job_size": 2},
    "evaluation": {"validation_tasks": 5, "test_tasks": 4, "chunk_size": 2},
}


def test_every_version_as_it_is_asked_for():
    # Given a spec of three versions, if they are asked for
    spec = RunSpec.model_validate(RAW)
    versions = meta_train(spec, Tasks(spec).training)
    first = next(versions)
    # I expect φ₀, of no scores, and then each with the scores of the tasks that led to it, whoever asks.
    assert (first.version, first.scores) == (0, {})
    learner = build_learner(spec.learner, TaskShape(1, (1,), regression=True))
    assert first.phi.keys() == learner.init_phi(torch_generator(0, "phi")).keys()
    rest = list(versions)
    assert [each.version for each in rest] == [1, 2, 3]
    assert all({"loss", "accuracy"} <= each.scores.keys() for each in rest)
    again = [each.phi_hash for each in meta_train(spec, Tasks(spec).training)]
    assert again == [first.phi_hash, *(each.phi_hash for each in rest)]
    assert len(set(again)) == 4


def test_judged_tasks_are_as_many_as_asked():
    # Given five validation tasks in chunks of two, if they are drawn, I expect the last chunk to be cut.
    spec = RunSpec.model_validate(RAW)
    assert [len(chunk) for chunk in Tasks(spec).judged("validation")] == [2, 2, 1]
    assert [len(chunk) for chunk in Tasks(spec).judged("test")] == [2, 2]
    # If φ₀ is judged on them, I expect every score with an interval.
    [phi, *_] = (each.phi for each in meta_train(spec, Tasks(spec).training))
    found = judge(spec, phi, Tasks(spec).judged())
    assert found.keys() == {"loss", "accuracy"}
    assert found["loss"].ci95 > 0


def test_lagging_workers_are_refused():
    # Given a spec whose contributions may lag, if it is to be meta-trained here, I expect a refusal with a reason.
    spec = RunSpec.model_validate(RAW | {"consistency": "bounded_staleness", "staleness": 1})
    with pytest.raises(RunError, match="bounded_staleness"):
        next(meta_train(spec, Tasks(spec).training))
