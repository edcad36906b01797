"""Meta-training in one process comes to the φ that a fleet comes to, to the bit, at every version."""

from collections.abc import Iterator
from typing import Any

import pytest

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.learning.meta_training import judge, meta_train
from phiforge.spec.run import RunSpec
from phiforge.tasks.drawing import Tasks
from phiforge_client.stack import Stack
from phiforge_client.submission import submit
from tests.fleet import hashes, small_spec, wait_for_end

pytestmark = pytest.mark.services

SINUSOIDS = {
    "data": {"name": "sinusoid"},
    "task": {"n_way": 1, "k_shot": 5, "n_query": 5},
    "learner": {"name": "maml", "inner_lr": 0.01, "network": {"name": "mlp"}},
}
SPECS: dict[str, dict[str, Any]] = {
    "sinusoids": SINUSOIDS,
    "sinusoids, several steps a job": SINUSOIDS | {"outer": {"local_steps": 2, "versions": 6}},
    "glyphs": {"outer": {"versions": 6}, "sampling": {"augmentation": "mirror"}},
    "glyphs, a head over all classes": {
        "learner": {"name": "pooled", "network": {"name": "conv4", "channels": 8, "norm": "running"}},
        "outer": {"versions": 4},
    },
}


@pytest.fixture
def stack(settings: Settings) -> Iterator[Stack]:
    with Stack(settings, trainers=2) as stack:
        yield stack


def with_steps(spec: RunSpec, steps: int | None) -> RunSpec:
    """Return ``spec`` with so many inner steps on unseen tasks; as it is where none were chosen."""
    chosen = {} if steps is None else {"inner_steps_evaluation": steps}
    return spec.model_copy(update={"learner": spec.learner.model_copy(update=chosen)})


@pytest.mark.slow
def test_the_same_phi_as_a_fleet(platform: Platform, stack: Stack) -> None:
    # Given runs that a fleet of two trainers completed
    runs = {name: submit(platform, small_spec(**changes)) for name, changes in SPECS.items()}
    for name, run in runs.items():
        assert wait_for_end(platform, run) == "complete", name
    for name, run in runs.items():
        # If the same specs are meta-trained here, I expect the same hash at every version,
        spec = platform.run(run).spec
        tasks = Tasks(spec)
        versions = list(meta_train(spec, tasks.training, tasks.train_classes))
        assert {each.version: each.phi_hash for each in versions[1:]} == hashes(platform, run), name
        assert versions[0].phi_hash == platform.checkpoints.load(run, 0).phi_hash
        # and the same scores of the last one on validation tasks, after the inner steps that were chosen.
        recorded = platform.record.scores(run, "validation", spec.outer.versions)
        found = judge(with_steps(spec, recorded.get("inner_steps")), versions[-1].phi, tasks.judged("validation"))
        assert {each: value.mean for each, value in found.items()} == {each: recorded[each] for each in found}, name
        assert found["accuracy"].ci95 == recorded["accuracy_ci95"]
