"""Engine vmap: what plain torch contributes, of every learner it serves, by every estimator, norm and chunk."""

import math

import pytest
import torch

from phiforge.learning.engines.vmap.episodes import stacked
from phiforge.learning.estimators import Contribution
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import EVALUATION, LEARNERS, Mode
from phiforge.learning.networks.bases import blocks
from phiforge.learning.networks.bases.normalisation import normalise
from phiforge.learning.scoring import score
from tests.certificate.material import (
    configured,
    contribution,
    episodes,
    estimating,
    learner_of,
    phi_of,
    relative_error,
    step_of,
)
from tests.networks import fitting

NORMS = ("batch", "prior", "running", "per_step", "layer", "group", "none")
SIDE = 16
MAPPED = sorted(name for name, learner in LEARNERS.items() if learner.mapped)
STEPPING = [name for name in MAPPED if LEARNERS[name].inner_gradient]
CELLS = [(name, "backpropagation") for name in MAPPED] + [(name, "first_order") for name in STEPPING]
PROVEN = [(*cell, norm) for cell in CELLS for norm in NORMS if norm != "prior" or not LEARNERS[cell[0]].searches]
"""Networks of cells take no prior."""
EXACT = 1e-10


def config_of(name, norm="batch", **settings):
    """A learner on a Conv-4 of 8 channels, or on a relaxed cell."""
    pools = 2 if name == "relation" else 4
    network = fitting(name, {"name": "conv4", "channels": 8, "norm": norm, "pools": pools})
    return configured(name, network=network, **settings)


def of_steps(name, norm="batch"):
    """The same with one inner step and with two, if it takes any."""
    if name not in STEPPING:
        return [config_of(name, norm)]
    return [config_of(name, norm, inner_lr=0.1, inner_steps=steps, inner_steps_evaluation=steps) for steps in (1, 2)]


def contributed(config, estimator="backpropagation", engine="vmap", chunk=2, count=3, dtype=torch.float64, at=0):
    """What a job of tasks of two shots contributes to a version."""
    learner, tasks = learner_of(config, SIDE, engine), episodes(config, SIDE, dtype, count=count, k_shot=2)
    return contribution(estimating(estimator), learner, phi_of(learner, dtype), tasks, step_of(at, chunk))


def assert_close(found: Contribution, expected: Contribution):
    assert relative_error(found.values, expected.values) < EXACT
    assert found.loss == pytest.approx(expected.loss, rel=EXACT)
    assert (found.scores["accuracy"], found.tasks) == (expected.scores["accuracy"], expected.tasks)
    assert found.statistics.keys() == expected.statistics.keys()
    if expected.statistics:
        assert relative_error(found.statistics, expected.statistics) < EXACT


@pytest.mark.parametrize(("name", "estimator", "norm"), PROVEN, ids="-".join)
def test_a_contribution_is_that_of_torch(name, estimator, norm):
    # Given a learner, an estimator and a normalisation, and a job whose last chunk is smaller than the others
    for config in of_steps(name, norm):
        # I expect gradient, loss, accuracy and statistics to be those of plain torch.
        expected = contributed(config, estimator, "torch")
        assert_close(contributed(config, estimator), expected)
        assert bool(expected.statistics) == (norm in ("running", "per_step"))


def test_full_context_is_served_too():
    config = config_of("matching", full_context=True, steps=2)
    assert_close(contributed(config), contributed(config, engine="torch"))


@pytest.mark.parametrize("name", [name for name in STEPPING if not LEARNERS[name].searches])
def test_regressions_are_served_too(name):
    # Given a learner of sinusoids, of two steps
    config = configured(name, inner_steps=2, inner_lr=0.02, network={"name": "mlp", "width": 10})
    # I expect the same of it.
    assert_close(contributed(config), contributed(config, engine="torch"))


@pytest.mark.parametrize("name", MAPPED)
def test_what_is_capturable_does_not_change_with_progress(name):
    # Given a job of the first version and of one at half the run, from the same φ; I expect the same of it, so that one
    # recording serves both, but of a learner whose loss changes, which says that it is not capturable.
    first, later = (contributed(config_of(name), at=version) for version in (0, 500))
    assert (first.to_bytes() != later.to_bytes()) == (name == "maml_plus_plus")
    assert not LEARNERS["maml_plus_plus"].capturable


@pytest.mark.parametrize("chunk", [1, 2, 4, 5, 100])
def test_chunks_change_the_last_bits_alone(chunk):
    # Given a job of five tasks, cut into chunks of any size
    config = config_of("maml", "running", inner_steps=2)
    expected = contributed(config, engine="torch", chunk=1, count=5)
    # I expect the same up to rounding, and the same bytes each time.
    found = [contributed(config, chunk=chunk, count=5) for _ in range(2)]
    assert_close(found[0], expected)
    assert found[0].to_bytes() == found[1].to_bytes()


def test_a_gradient_through_the_map_is_right_too(monkeypatch):
    # Given MAML, if its gradient is taken from outside the map, which no estimator does
    config = config_of("maml", inner_steps=2)
    learner, tasks = learner_of(config, SIDE, "vmap"), episodes(config, SIDE, count=3, k_shot=2)
    expected = contributed(config, engine="torch").values
    phi, mode = phi_of(learner, torch.float64), Mode(training=True, second_order=True)

    def summed(points):
        def loss(*parts):
            return learner.query_outcome(points, type(tasks[0])(*parts), mode, torch_generator()).loss

        return torch.func.vmap(loss)(*stacked(tasks)).sum()

    # I expect it to be right, for normalisation is written out:
    assert relative_error(torch.func.grad(summed)(phi), expected) < EXACT
    # torch's own has a wrong second derivative there. (Once it has not, this line and that formula may go.)
    monkeypatch.setattr(blocks, "normalise", lambda *given, explicit: normalise(*given))
    assert relative_error(torch.func.grad(summed)(phi), expected) > 1e-3


SCORED = [(name, norm, {}) for name in MAPPED for norm in ("batch", "running", "per_step", "group")]
SCORED += [("maml_plus_plus", "per_step", {"query_statistics": each}) for each in ("averages", "support")]


@pytest.mark.parametrize(("name", "norm", "settings"), SCORED)
def test_scores_are_those_of_torch(name, norm, settings):
    # Given unseen tasks, if they are scored two at a time
    config = of_steps(name, norm)[-1].model_copy(update=settings)
    tasks = episodes(config, SIDE, count=3, k_shot=2)
    plain, mapped = (
        score(learner, phi_of(learner, torch.float64), tasks, "seed", together=2)
        for learner in (learner_of(config, SIDE, engine) for engine in ("torch", "vmap"))
    )
    # I expect what plain torch finds one by one.
    assert mapped.of["accuracy"] == plain.of["accuracy"]
    assert mapped.of["loss"] == pytest.approx(plain.of["loss"], rel=EXACT)
    assert all(math.isfinite(loss) for loss in plain.of["loss"])


@pytest.mark.parametrize("mode", [EVALUATION, Mode(training=True, second_order=True)], ids=["unseen", "training"])
@pytest.mark.parametrize("name", MAPPED)
def test_what_is_mapped_draws_nothing(name, mode):
    # Given that all tasks of a map would share their draws, I expect a learner that is mapped to make none.
    learner, generator = learner_of(config_of(name), SIDE), torch_generator("drawn")
    before = generator.get_state()
    phi = {name: value.requires_grad_() for name, value in phi_of(learner, torch.float64).items()}
    learner.query_outcome(phi, episodes(learner.config, SIDE)[0], mode, generator)
    assert torch.equal(generator.get_state(), before)
