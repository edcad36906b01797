"""The small run that faults befall: real second-order MAML with an optimiser's state, done in seconds."""

from typing import Any

SAMPLED_AHEAD = 8
"""Versions whose episodes are there before they are read: time enough to damage them first."""


def small_run(versions: int, checkpoint_every: int = 5) -> dict[str, Any]:
    """Return a raw spec of ``versions`` steps of four jobs on sinusoids, which need no data."""
    return {
        "name": "chaos",
        "data": {"name": "sinusoid"},
        "task": {"n_way": 1, "k_shot": 10, "n_query": 10},
        "learner": {"name": "maml", "inner_lr": 0.01, "inner_steps": 2, "network": {"name": "mlp", "width": 40}},
        "outer": {"versions": versions, "meta_batch": 16, "job_size": 4},
        "checkpoint": {"every": checkpoint_every},
        "sampling": {"window": SAMPLED_AHEAD},
        "evaluation": {"every": versions // 2, "validation_tasks": 16, "test_tasks": 16, "chunk_size": 4},
    }
