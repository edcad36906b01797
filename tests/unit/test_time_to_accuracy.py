"""Time to accuracy: when a curve comes to a mark, how curves are kept, what the page says, what all methods share."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.peers.install import RECIPES
from benchmarks.time_to_accuracy.curve import Curve, Point
from benchmarks.time_to_accuracy.methods import METHODS, ours_beside
from benchmarks.time_to_accuracy.picture import draw
from benchmarks.time_to_accuracy.plan import Budget, measured
from benchmarks.time_to_accuracy.report import COLUMNS, written
from phiforge.learning.start import first_phi, learner_for
from phiforge.runs.settling import settled
from phiforge.spec.read import parse_spec, read_spec

ROOT = Path(__file__).parents[2]


def curve(method: str, *accuracies: float, minutes: float = 1.0) -> Curve:
    """Return a curve that is judged every ``minutes``, each time after another 16 tasks."""
    points = [Point(n, 16 * n, n * minutes, accuracy, 0.005) for n, accuracy in enumerate(accuracies)]
    return Curve(method, 0, {"spec_hash": "a"}, points, "the limit", "Machine: a test")


def test_an_accuracy_is_reached_on_the_line_between_two_judged_versions():
    # Given a curve that passes 95 % between its third and fourth version, and falls below it again
    found = curve("maml", 0.3, 0.85, 0.93, 0.97, 0.94, 0.96)
    # I expect the first crossing, halfway between both,
    assert found.minutes_to(0.95) == pytest.approx(2.5)
    assert found.tasks_to(0.95) == pytest.approx(2.5 * 16)
    # none where it never came to,
    assert found.minutes_to(0.98) is None
    # and of an accuracy that it is judged at, just that version; the first if it begins there.
    assert found.minutes_to(0.97) == 3.0
    assert found.minutes_to(0.2) == 0.0


def test_tasks_a_second_are_those_of_its_whole_training():
    assert curve("maml", 0.3, 0.5, 0.6, minutes=0.5).tasks_a_second == pytest.approx(32 / 60)
    assert curve("maml", 0.3).tasks_a_second == 0


def test_a_curve_is_read_as_it_was_written(tmp_path: Path):
    # Given a curve, If it is written where there is no folder yet, I expect JSON that reads as the same curve.
    path, written_curve = tmp_path / "new" / "maml.json", curve("maml", 0.3, 0.9)
    written_curve.save(path)
    assert Curve.load(path) == written_curve
    assert json.loads(path.read_text())["points"][1]["accuracy"] == 0.9


def test_every_peer_has_a_recipe_and_ours_beside_it():
    for method in METHODS.values():
        assert not method.peer or method.peer in RECIPES
        assert ours_beside(method).spec == method.spec
    assert len({method.colour for method in METHODS.values()}) == len(METHODS)


@pytest.mark.parametrize("name", sorted({method.spec for method in METHODS.values()}))
def test_a_run_is_the_shipped_spec_but_for_what_judges_it(name: str):
    # Given a shipped spec, If it is measured with another seed and twice its versions
    raw = read_spec(ROOT / "specs" / f"{name}.yaml")
    shipped, spec = parse_spec(raw), parse_spec(measured(raw, Budget(seed=3, times=2, judged=50)))
    # I expect its tasks, learner and outer loop but for these, φ written fifty times, and nothing judged on the way.
    assert (spec.task, spec.learner, spec.estimator) == (shipped.task, shipped.learner, shipped.estimator)
    assert spec.outer == shipped.outer.model_copy(update={"versions": 2 * shipped.outer.versions})
    assert (spec.seed, spec.outer.versions // spec.checkpoint.every) == (3, 50)
    assert spec.evaluation.every > spec.outer.versions


@pytest.mark.parametrize("name", sorted({method.spec for method in METHODS.values()}))
def test_a_peer_starts_from_our_phi_and_gives_it_back(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # Given φ₀ of a spec, as it is written for peers, and a peer's network
    monkeypatch.syspath_prepend(ROOT / "benchmarks" / "peers")
    training = importlib.import_module("training")
    spec = settled(parse_spec(read_spec(ROOT / "specs" / f"{name}.yaml")), "cpu")
    phi = first_phi(spec, learner_for(spec, spec.task, (1, 28, 28)))
    np.savez(tmp_path / "phi.npz", **{each: value.numpy() for each, value in phi.items()})
    module = training.network(spec.task.n_way if "head.weight" in phi else 0)
    # If the network is filled with it, I expect it to hold each entry of φ under its name, and nothing besides.
    training.fill(module, str(tmp_path / "phi.npz"))
    found = dict(training.parameters(module))
    assert found.keys() == phi.keys()
    assert all(torch.equal(found[each], value) for each, value in phi.items())
    biases = {each.bias for each in module.modules() if isinstance(each, torch.nn.Conv2d)}
    assert {*module.parameters()} == {*found.values()} | biases


def test_the_page_says_what_each_came_to_and_why_one_is_missing(tmp_path: Path):
    # Given a curve of ours, one of a peer that takes three times as long, and a peer that could not be installed
    curves = [curve("maml", 0.3, 0.94, 0.96), curve("learn2learn", 0.3, 0.94, 0.96, minutes=3.0)]
    lines = list(written(curves, {"easyfsl": "no network"}, "python -m a", Budget(), "page.png"))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| MAML")]
    # I expect a row of each with its minutes to 95 %, that neither came to 98 %, and the ratio of both,
    by = {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in rows}
    assert by["MAML, Phiforge"]["minutes to 95%"] == "1.50"
    assert by["MAML, learn2learn"]["minutes to 95%"] == "4.50"
    assert by["MAML, learn2learn"]["minutes to 98%"] == "not reached"
    assert "MAML, learn2learn, takes 3.00 times our minutes to 95%." in lines
    # and why there is no other.
    assert "ProtoNet, EasyFSL: not measured: no network" in lines


def test_the_picture_is_drawn(tmp_path: Path):
    path = tmp_path / "new" / "picture.png"
    draw([curve("maml", 0.3, 0.9), curve("learn2learn", 0.3, 0.9)], path)
    assert path.read_bytes().startswith(b"\x89PNG")
