"""``phiforge replay``: the step that was not finite, computed again from what was kept of it."""

import math
from typing import Any

import torch

from phiforge.fleet.platform import Platform
from phiforge.learning.estimators import Contribution
from phiforge.learning.finite import is_finite, size
from phiforge.learning.offending import alone, offender
from phiforge.learning.repeatable import repeat_exactly
from phiforge.learning.tensors import torch_type
from phiforge.runs import evidence
from phiforge.runs.learners import learner_of


def replay(platform: Platform, run: str, version: int | None = None) -> dict[str, Any]:
    """Return what each episode of the kept job contributes by itself, and whether that is what was found.

    Raises RunError if there is no such run or nothing was kept of it, FormatError if that is damaged.
    """
    record = platform.run(run)
    found, phi, batch = evidence.load(platform.store, run, version)
    spec, device = record.spec, platform.settings.device
    torch.set_num_threads(spec.numerics.threads)
    repeat_exactly()
    phi = {name: value.to(device) for name, value in phi.items()}
    episodes = list(batch.episodes(device, torch_type(spec.numerics.kept)))
    contributions = alone(learner_of(record, spec.task), spec, phi, episodes, found.version, found.job)
    return {
        "run": run,
        "found": found.model_dump(),
        "reproduced": offender(contributions) == found.episode,
        "episodes": [
            {"episode": place, "offending": place == found.episode}
            | _shown(contribution)
            | {"classes": batch.classes[place].tolist(), "origin": batch.origin[place].tolist()}
            for place, contribution in enumerate(contributions)
        ],
    }


def _shown(contribution: Contribution) -> dict[str, Any]:
    """Return what JSON can hold of a contribution: text where it is no number."""
    numbers = {**contribution.scores, "norm": size(contribution)}
    shown = {name: value if math.isfinite(value) else str(value) for name, value in numbers.items()}
    return {"finite": is_finite(contribution)} | shown
