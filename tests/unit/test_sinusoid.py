"""Sinusoid tasks: each is one sinusoid, within its bounds, named by its seed."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from phiforge.spec.task import Task
from phiforge.tasks.families.sinusoid import Sinusoid, SinusoidData

TASK = Task(n_way=1, k_shot=5, n_query=10)
WAVES = SinusoidData()
tasks = st.builds(Task, n_way=st.just(1), k_shot=st.integers(1, 10), n_query=st.integers(1, 10))


def bounds(least, most):
    return st.tuples(st.floats(least, most), st.floats(least, most)).map(lambda pair: tuple(sorted(pair)))


configs = st.builds(SinusoidData, amplitudes=bounds(0.1, 9), phases=bounds(0, math.pi), inputs=bounds(-9, 9))


def points_of(batch):
    """Inputs and targets [episodes, points] of support and query together."""
    return (
        np.concatenate([batch.support_x, batch.query_x], axis=1)[..., 0].astype(np.float64),
        np.concatenate([batch.support_y, batch.query_y], axis=1)[..., 0].astype(np.float64),
    )


def recovered(x, y):
    """Amplitude, phase and largest error of the sinusoid nearest to points: A sin(x - p) = a sin x + b cos x."""
    basis = np.stack([np.sin(x), np.cos(x)], axis=1)
    a, b = np.linalg.lstsq(basis, y)[0]
    return math.hypot(a, b), math.atan2(-b, a), np.abs(basis @ [a, b] - y).max()


def test_each_task_is_one_sinusoid():
    # Given many tasks, if the nearest sinusoid is found by least squares
    found = np.array(
        [recovered(x, y) for x, y in zip(*points_of(Sinusoid(WAVES).sample("train", TASK, 500, 0)), strict=True)]
    )
    amplitudes, phases, errors = found.T
    # I expect all points on it, as near as float32 holds them,
    assert errors.max() < 1e-5
    # its amplitude and phase within their bounds,
    assert amplitudes.min() >= 0.1 - 1e-4
    assert amplitudes.max() <= 5.0 + 1e-4
    assert phases.min() >= -1e-4
    assert phases.max() <= math.pi + 1e-4
    # spread evenly over them (five standard errors of a uniform mean), and no two tasks alike.
    for values, least, most in ((amplitudes, 0.1, 5.0), (phases, 0.0, math.pi)):
        assert abs(values.mean() - (least + most) / 2) < 5 * (most - least) / math.sqrt(12 * 500)
        assert values.std() == pytest.approx((most - least) / math.sqrt(12), rel=0.1)
    assert len({tuple(pair) for pair in found[:, :2].round(6)}) == 500
    # The amplitude and the phase have nothing to do with each other.
    assert abs(np.corrcoef(amplitudes, phases)[0, 1]) < 5 / math.sqrt(500)


@given(configs, tasks, st.integers(1, 3), st.integers(0, 2**63))
def test_what_an_episode_is(config, task, episodes, seed):
    # Given any bounds and any task
    batch = Sinusoid(config).sample("train", task, episodes, seed)
    # I expect as many tasks, of the shapes and types that are documented,
    assert len(batch) == episodes
    assert batch.support_x.shape == batch.support_y.shape == (episodes, task.k_shot, 1)
    assert batch.query_x.shape == batch.query_y.shape == (episodes, task.n_query, 1)
    assert batch.classes.shape == (episodes, 0)
    assert batch.origin.shape == (episodes, 0, 2)
    assert {each.dtype for each in (batch.support_x, batch.support_y, batch.query_x, batch.query_y)} == {
        np.dtype(np.float32)
    }
    # every x within its bounds, every y within the largest amplitude,
    x, y = points_of(batch)
    slack = 1e-6
    assert config.inputs[0] - slack <= x.min() <= x.max() <= config.inputs[1] + slack
    assert np.abs(y).max() <= config.amplitudes[1] + slack
    # and the same bytes once more.
    assert Sinusoid(config).sample("train", task, episodes, seed).to_bytes() == batch.to_bytes()


def test_support_and_query_are_disjoint():
    # Given many tasks, I expect no x twice in one, and no x of one task in another (but for float32's few digits).
    x, _ = points_of(Sinusoid(WAVES).sample("train", TASK, 200, 0))
    assert all(len(set(row)) == TASK.drawings for row in x)
    assert len(set(x.flatten())) > 0.99 * x.size


def test_seeds_name_tasks():
    # Given a task, I expect another with another seed or another number,
    first, other = (Sinusoid(WAVES).sample("train", TASK, 2, *seed) for seed in ((0, "train", 1), (0, "train", 2)))
    assert not np.array_equal(first.support_x, other.support_x)
    assert not np.array_equal(first.support_x[0], first.support_x[1])
    # and the same whatever is drawn with it.
    assert np.array_equal(Sinusoid(WAVES).sample("train", TASK, 5, 0, "train", 1).query_y[:2], first.query_y)


def test_bounds_that_leave_no_choice():
    # Given one amplitude, one phase and one x, I expect them: 2 sin(1 - 0.5).
    config = SinusoidData(amplitudes=(2, 2), phases=(0.5, 0.5), inputs=(1, 1))
    batch = Sinusoid(config).sample("train", TASK, 1, 0)
    assert batch.support_x.flatten().tolist() == [1.0] * 5
    assert batch.query_y.flatten().tolist() == pytest.approx([2 * math.sin(0.5)] * 10, rel=1e-6)


@pytest.mark.parametrize("name", ["amplitudes", "phases", "inputs"])
@pytest.mark.parametrize(
    ("given_bounds", "fault"),
    [
        ((2.0, 1.0), "the least, 2.0, is above the most, 1.0"),
        ((0.0, math.inf), "finite number"),
        ((math.nan, 1.0), "finite number"),
        ((1.0,), "Field required"),
        ((1.0, 2.0, 3.0), "at most 2 items"),
    ],
    ids=str,
)
def test_bounds_that_are_refused(name, given_bounds, fault):
    with pytest.raises(ValidationError, match=fault):
        SinusoidData.model_validate({name: given_bounds})


def test_the_published_bounds():
    # Given no bounds, I expect those of Finn et al. 2017, section 5.1.
    assert (WAVES.amplitudes, WAVES.phases, WAVES.inputs) == ((0.1, 5.0), (0.0, math.pi), (-5.0, 5.0))
