"""What a trial costs, for studies that look for little of it."""

from collections.abc import Callable, Mapping

from phiforge.runs.learners import by_torch, initial_phi
from phiforge.runs.platform import RunPlatform
from phiforge.runs.studies.outcome import Proposal
from phiforge.spec.studies.study import StudySpec

Measure = Callable[[RunPlatform, str, Proposal], float]
"""Returns one number of a trial, whose run is the second argument; it depends on the trial's spec alone."""


def measured(platform: RunPlatform, spec: StudySpec, proposal: Proposal, run: str) -> dict[str, float]:
    """Return what a study asks of a trial that is no score, by name."""
    asked = [aim.score for aim in spec.objectives if aim.score in _MEASURES]
    return {name: _MEASURES[name](platform, run, proposal) for name in asked}


def _parameters(platform: RunPlatform, run: str, proposal: Proposal) -> float:
    return float(sum(tensor.numel() for tensor in initial_phi(by_torch(platform.run(run))).values()))


def _tasks(platform: RunPlatform, run: str, proposal: Proposal) -> float:
    return float(proposal.tasks)


_MEASURES: Mapping[str, Measure] = {"parameters": _parameters, "tasks": _tasks}
