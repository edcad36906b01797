"""Runs made of parts that an installed package brings, through the whole pipeline."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from phiforge.base.settings import Settings
from phiforge_client.stack import Stack
from tests.integration.plugin.tiny import PARABOLAS, SHAPES, TinyStack, phiforge

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def stack(settings: Settings, site: Path) -> Iterator[Stack]:
    """A sampler, two trainers and an evaluator, all with the package."""
    with TinyStack(settings, site, trainers=2) as stack:
        yield stack


def completed(settings: Settings, site: Path, spec: str, name: str) -> tuple[str, dict[str, Any]]:
    answer = phiforge(settings, "submit", spec, "--watch", site=site)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    run = re.search(rf"{name}-\d{{8}}-\d{{6}}-[0-9a-f]{{4}}", answer.stdout)
    assert run, answer.stdout
    return run.group(), json.loads(phiforge(settings, "show", run.group(), site=site).stdout)


@pytest.mark.slow
def test_a_run_of_nothing_but_installed_parts(
    settings: Settings, site: Path, stack: Stack, written: Callable[[object], str]
) -> None:
    # Given a spec whose dataset, learner, network, estimator, optimiser and score are a package's
    run, shown = completed(settings, site, written(SHAPES), "tiny-shapes")
    # If it is run, I expect a whole report, with its score and that score's interval,
    assert shown["status"] == "complete"
    report = shown["report"]
    assert report["tasks_seen"] == 64
    assert 0 < report["test"]["brier"] < 2
    assert 0 < report["test"]["brier_ci95"] < report["test"]["brier"]
    # a record of every setting of its parts,
    assert shown["spec"]["learner"]["weight"] == 0.5
    assert shown["spec"]["outer"]["optimizer"] == {"name": "lion", "beta1": 0.8, "beta2": 0.99}
    # and, computed again, the same hashes.
    verified = phiforge(settings, "verify", run, "--all", site=site)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "every hash is the same" in verified.stdout


@pytest.mark.slow
def test_a_run_of_an_installed_family(
    settings: Settings, site: Path, stack: Stack, written: Callable[[object], str]
) -> None:
    # Given a learner of ours on a package's tasks, network and optimiser, if it is run, I expect a whole report,
    run, shown = completed(settings, site, written(PARABOLAS), "tiny-parabolas")
    assert shown["status"] == "complete"
    # the version of lowest loss to be the best, as the family says, and the same hashes again.
    losses = {point["version"]: point["loss"] for point in shown["report"]["validation"]}
    assert shown["report"]["best_version"] == min(losses, key=lambda version: losses[version])
    assert phiforge(settings, "verify", run, "--all", site=site).returncode == 0
