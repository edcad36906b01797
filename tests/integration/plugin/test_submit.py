"""The configuration of installed parts is checked as ours is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from phiforge.base.settings import Settings
from tests.integration.plugin.tiny import SHAPES, phiforge

pytestmark = pytest.mark.services

MANY: dict[str, Any] = {
    "data": {"name": "circles"},
    "learner": {"name": "diagonal_means", "weigth": 1, "weight": -1, "network": {"name": "wider"}},
    "outer": {"optimizer": {"name": "tiger"}},
    "scores": [{"name": "brier", "temperature": 0}],
}
"""Faults in every way that a part's own section can have one."""
SENTENCES = (
    "data.name: 'circles' is unknown; allowed: bandits, features, glyphs, images, navigation, omniglot, parabolas, "
    "shapes, sinusoid, tabular_mdp",
    "learner.weigth: unknown; allowed here: name, network, weight",
    "learner.weight: Input should be greater than 0 (given: -1)",
    "learner.network.name: 'wider' is unknown; allowed: cell, conv4, conv6, mlp, pretrained, relaxed_cell, "
    "resnet12, wide",
    "outer.optimizer.name: 'tiger' is unknown; allowed: adam, lion, sgd",
    "scores.0.temperature: Input should be greater than 0 (given: 0)",
)


def test_problems_in_installed_parts(settings: Settings, site: Path, written: Callable[[object], str]) -> None:
    # Given unknown fields, wrong values and unknown names in the sections of installed parts, if that is submitted
    answer = phiforge(settings, "submit", written(SHAPES | MANY), site=site)
    # I expect it to be refused with the sentences that ours have, all at once.
    assert answer.returncode == 1
    assert [sentence for sentence in SENTENCES if sentence not in answer.stderr] == []


def test_an_installed_part_in_a_wrong_place(settings: Settings, site: Path, written: Callable[[object], str]) -> None:
    # Given a score of labels and a family of values, if that is submitted, I expect what their flags say.
    answer = phiforge(settings, "submit", written(SHAPES | {"data": {"name": "parabolas"}}), site=site)
    assert answer.returncode == 1
    assert "scores: 'brier' is of tasks whose targets are labels, which data 'parabolas' has not" in answer.stderr


def test_submitting_without_the_package(settings: Settings, written: Callable[[object], str]) -> None:
    # Given a command without the package, if a run of its parts is submitted
    answer = phiforge(settings, "submit", written(SHAPES))
    # I expect every part that is not known here to be named.
    assert answer.returncode == 1
    for place in ("data", "learner", "estimator", "outer.optimizer", "scores.0"):
        assert f"{place}.name: " in answer.stderr
