"""A fleet in which one trainer has the package and one has not."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from phiforge.base.settings import Settings
from tests.fleet import wait_until
from tests.integration.plugin.tiny import SHAPES, TinyStack, phiforge

pytestmark = pytest.mark.services


LONG = SHAPES | {"outer": SHAPES["outer"] | {"versions": 40}, "evaluation": SHAPES["evaluation"] | {"every": 40}}


@pytest.mark.slow
def test_a_trainer_without_the_package_leaves_jobs_to_others(
    settings: Settings, site: Path, written: Callable[[object], str]
) -> None:
    # Given two trainers, of which the second lacks the package
    with TinyStack(settings, site, trainers=2, without={"trainer-1"}) as stack:
        wait_until(lambda: "metrics on" in (stack.logs / "trainer-1.log").read_text(), "the second trainer", stack)
        # If a run of its parts goes through
        answer = phiforge(settings, "submit", written(LONG), "--watch", site=site)
        counted = outcomes(stack, "trainer-1")
        stack.check()
    # I expect it to be complete, and the second trainer to have put back whatever it got.
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert set(counted) == {"incapable"}
    assert counted["incapable"] >= 1


@pytest.mark.slow
def test_a_fleet_without_the_package_says_what_to_install(
    settings: Settings, site: Path, written: Callable[[object], str]
) -> None:
    # Given a fleet whose only trainer lacks the package, if a run of its parts is submitted where it is installed
    impatient = settings.model_copy(update={"lease_seconds": 2.0, "namespace": settings.namespace + "-alone"})
    with TinyStack(impatient, site, trainers=1, without={"trainer-0"}) as stack:
        answer = phiforge(impatient, "submit", written(SHAPES), "--watch", site=site)
        stack.check()
    # I expect it to fail, with what is lacking and what is to be done.
    assert answer.returncode == 1
    run = answer.stdout.split()[1].rstrip(";")
    reason = json.loads(phiforge(impatient, "show", run, site=site).stdout)["reason"]
    assert "no trainer of this fleet can do its work" in reason
    assert "learner 'diagonal_means'" in reason
    assert "install the package that brings it" in reason


def outcomes(stack: TinyStack, service: str) -> dict[str, float]:
    """Return how many messages of training came to each outcome at a service."""
    return {
        sample.labels["outcome"]: sample.value
        for family in text_string_to_metric_families(stack.metrics()[service])
        for sample in family.samples
        if sample.name == "phiforge_messages_total"
    }
