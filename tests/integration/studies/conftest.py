"""Studies of sinusoids, and fleets that move them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.record import RunStatus
from phiforge.runs.studies.found import Found
from phiforge.runs.studies.outcome import StudyStatus
from phiforge.runs.studies.record import Studies
from phiforge.search.read import parse_study
from phiforge_client.stack import Stack
from phiforge_client.studies.submission import submit_study
from tests.badinput.conftest import waves
from tests.fleet import wait_until
from tests.integration.idle import idle_platform  # noqa: F401 - a fixture

Submit = Callable[..., str]


def study(**changes: Any) -> dict[str, Any]:
    """Return a raw study of runs of sinusoids: six trials, three at a time."""
    spec: dict[str, Any] = {
        "name": "search",
        "base": waves(),
        "space": {
            "learner.inner_lr": {"type": "log", "low": 0.001, "high": 0.1},
            "outer.lr": {"type": "log", "low": 1e-3, "high": 1e-1},
        },
        "budget": {"trials": 6},
        "generation": 3,
    }
    return spec | changes


@pytest.fixture
def submitted(platform: Platform) -> Submit:
    """Submit a study."""
    return lambda **changes: submit_study(platform, parse_study(study(**changes)))


@pytest.fixture
def stack(settings: Settings) -> Iterator[Stack]:
    """One sampler, two trainers and one evaluator."""
    with Stack(settings, trainers=2) as stack:
        yield stack


@pytest.fixture
def fleet(settings: Settings, stack: Stack) -> Iterator[Platform]:
    """The connections to that fleet, once the trainers said that they are there."""
    platform = Platform.open(settings)
    wait_until(lambda: platform.exchange.workers("training") == 2, "the trainers", stack)
    yield platform
    platform.close()


def wait_for_study(platform: Platform, study: str, stack: Stack | None = None) -> Found:
    """Wait until a study is over and return what it found."""
    studies = Studies(platform.store)
    wait_until(lambda: studies.status(study) is not StudyStatus.RUNNING, f"the end of {study}", stack)
    return Found.of(studies, study)


def finish(platform: Platform, run: str, value: float, version: int = 4) -> None:
    """Let ``run`` end as an evaluator ends it, with a loss of ``value``."""
    scores = {"version": version, "loss": value, "accuracy": 0.5, "phi_hash": "f" * 64}
    platform.record.save_scores(run, "validation", version, scores)
    platform.record.save_report(run, {"run": run, "test": {"loss": value, "accuracy": 0.5}})
    platform.exchange.stop(run, RunStatus.COMPLETE)


def loss_at(platform: Platform, run: str) -> float:
    """Return a loss that follows from the spec of a run."""
    spec = platform.record.submitted(run).spec
    return float(spec["learner"]["inner_lr"] * spec["outer"]["lr"])


def trials_that_go_on(platform: Platform, study: str) -> list[str]:
    """Return the runs of a study that are submitted and not over."""
    runs = [run for run in platform.record.runs() if run.startswith(study)]
    return [run for run in runs if platform.record.status(run) is RunStatus.RUNNING]


def judge(platform: Platform, run: str, version: int) -> None:
    """Let a run have the scores of a version."""
    scores = {"version": version, "loss": loss_at(platform, run), "accuracy": 0.5, "phi_hash": "f" * 64}
    platform.record.save_scores(run, "validation", version, scores)
