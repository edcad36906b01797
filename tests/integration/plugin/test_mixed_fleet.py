"""A fleet in which one trainer has the package and one has not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from phiforge.base.settings import Settings
from tests.integration.plugin.tiny import SHAPES, TinyStack, phiforge

pytestmark = pytest.mark.services


@pytest.mark.xfail(reason="supervision does not yet put back what a worker lacks the parts for", strict=False)
def test_a_trainer_without_the_package_leaves_jobs_to_others(
    settings: Settings, site: Path, written: Callable[[object], str]
) -> None:
    # Given two trainers, of which the second lacks the package
    with TinyStack(settings, site, trainers=2, without={"trainer-1"}) as stack:
        # If a run of its parts goes through
        answer = phiforge(settings, "submit", written(SHAPES), "--watch", site=site)
        log = (stack.logs / "trainer-1.log").read_text()
        alive = all(service.process.alive for service in stack.services)
    # I expect it to be complete, the second trainer to have said what it lacks, without a traceback, and to be alive.
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "diagonal_means" in log
    assert "install the package that brings it" in log
    assert "Traceback" not in log
    assert alive
