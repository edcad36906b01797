"""A fleet's connections with no service anywhere, and a run of sinusoids: it needs no dataset and learns in no time."""

from collections.abc import Callable
from typing import Any

import pytest

from phiforge.fleet.platform import Platform
from phiforge_client.submission import submit
from phiforge_sampler.service import Sampler

Submit = Callable[..., str]


def waves(**changes: Any) -> dict[str, Any]:
    """Return a raw spec of a run on sinusoids: three jobs of two episodes a version."""
    spec: dict[str, Any] = {
        "name": "waves",
        "data": {"name": "sinusoid"},
        "task": {"n_way": 1, "k_shot": 4, "n_query": 4},
        "learner": {"name": "maml", "inner_lr": 0.01, "network": {"name": "mlp", "width": 4, "layers": 1}},
        "outer": {"versions": 4, "meta_batch": 6, "job_size": 2},
        "checkpoint": {"every": 2},
        "evaluation": {"every": 4, "validation_tasks": 4, "test_tasks": 4, "chunk_size": 2},
    }
    return {
        name: spec.get(name, {}) | change if isinstance(change, dict) else change for name, change in changes.items()
    } | {name: section for name, section in spec.items() if name not in changes}


@pytest.fixture
def sampled(platform: Platform) -> Submit:
    """Submit a run of sinusoids, with the episodes of its first two versions."""

    def submit_sampled(**changes: Any) -> str:
        run = submit(platform, waves(**changes))
        for version in range(2):
            Sampler(platform).sample_training(run, version, sent_at=0)
        return run

    return submit_sampled
