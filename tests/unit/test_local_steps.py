"""Jobs that take several steps by themselves contribute the way they went."""

from dataclasses import replace

import pytest
import torch

from phiforge.learning.estimators import Contribution, Step, build_estimator
from phiforge.learning.estimators.bases.local_steps import LocalStep, estimator_of
from phiforge.learning.finite import is_finite
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import TaskShape, build_learner
from phiforge.learning.offending import alone, offender
from phiforge.learning.optimizers import init_state, update
from phiforge.learning.reduction import reduce
from phiforge.learning.tensors import decode
from phiforge.spec.run import RunSpec
from tests.contributions import N_WAY, SIDE, random_episodes

STEPS, SIZE = 3, 2


def spec_of(norm="batch", estimator="first_order", **outer):
    network = {"name": "conv4", "channels": 4, "pools": 2, "norm": norm}
    plain = {"meta_batch": 2 * SIZE, "job_size": SIZE, "local_steps": STEPS, "local_lr": 0.05, "lr": 1.0}
    plain |= {"optimizer": {"name": "sgd"}, "local_optimizer": {"name": "sgd"}, "clip_norm": None}
    return RunSpec.model_validate(
        {
            "learner": {"name": "maml", "network": network},
            "estimator": {"name": estimator},
            "outer": plain | outer,
            "numerics": {"dtype": "float64"},
        }
    )


def learner_of(spec):
    return build_learner(spec.learner, TaskShape(N_WAY, (1, SIDE, SIDE), train_classes=N_WAY))


def phi_of(spec):
    return {name: value.double() for name, value in learner_of(spec).init_phi(torch_generator("phi")).items()}


def episodes_of(count):
    (plain,) = random_episodes(1)
    generator = torch_generator("local")
    shift = torch.rand(count, generator=generator, dtype=torch.float64)
    return [
        replace(plain, support_x=plain.support_x.double() * by, query_x=plain.query_x.double() * by) for by in shift
    ]


def contributed(spec, phi, episodes, job=0):
    return estimator_of(spec).contribute(learner_of(spec), phi, episodes, Step(spec, 5), job)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_job_goes_as_a_run_of_its_own_would(optimizer):
    # Given a job of three steps
    spec = spec_of(local_optimizer={"name": optimizer})
    phi, episodes = phi_of(spec), episodes_of(STEPS * SIZE)
    found = contributed(spec, phi, episodes)
    # I expect the way that a loop over single steps goes,
    outer = spec.outer.model_copy(update={"optimizer": spec.outer.local_optimizer, "lr": 0.05})
    single, local, state = build_estimator(spec.estimator), phi, init_state(outer, phi)
    loss = 0.0
    for place in range(STEPS):
        step = LocalStep(spec, 5, place)
        part = single.contribute(learner_of(spec), local, episodes[place * SIZE : (place + 1) * SIZE], step, 0)
        mean = {name: value / SIZE for name, value in part.values.items()}
        local, state = update(outer, place, local, state, mean)
        loss += part.loss
    for name, value in found.values.items():
        torch.testing.assert_close(value, (phi[name] - local[name]) * STEPS * SIZE, rtol=0, atol=1e-12)
        assert value.abs().max() > 0 or "bias" in name
    # and sums over all its episodes.
    assert found.tasks == STEPS * SIZE
    assert found.loss == pytest.approx(loss, rel=1e-12)


def test_plain_descent_with_rate_one_averages_what_the_jobs_came_to():
    # Given the contributions of two jobs
    spec = spec_of()
    phi = phi_of(spec)
    parts = [contributed(spec, phi, episodes_of(STEPS * SIZE)[:: -1 if job else 1], job) for job in range(2)]
    # If they are reduced
    payloads = [part.to_bytes() for part in parts]
    reduced = reduce(estimator_of(spec), Step(spec, 5), phi, init_state(spec.outer, phi), payloads)
    # I expect the mean of the two φ.
    for name, value in decode(reduced.phi).items():
        ends = [phi[name] - part.values[name] / part.tasks for part in parts]
        torch.testing.assert_close(value, (ends[0] + ends[1]) / 2, rtol=0, atol=1e-12)


def test_equal_jobs_contribute_equal_bytes_and_steps_differ():
    # Given the same job twice, I expect the same bytes, and not those of another number of steps.
    spec, other = spec_of(), spec_of(local_steps=1)
    episodes = episodes_of(STEPS * SIZE)
    assert contributed(spec, phi_of(spec), episodes).to_bytes() == contributed(spec, phi_of(spec), episodes).to_bytes()
    assert contributed(spec, phi_of(spec), episodes).to_bytes() != contributed(other, phi_of(spec), episodes).to_bytes()


def test_each_step_meets_its_own_randomness():
    # Given the steps of a job, I expect each to name its choices differently, and differently from the job as a whole.
    spec = spec_of()
    names = {Step(spec, 5).seed("episode", 0, 0)} | {
        LocalStep(spec, 5, place).seed("episode", 0, 0) for place in range(STEPS)
    }
    assert len(names) == STEPS + 1


def test_running_statistics_come_along():
    # Given a network whose normalisation averages over tasks
    spec = spec_of(norm="running")
    phi = phi_of(spec)
    found = contributed(spec, phi, episodes_of(STEPS * SIZE))
    # I expect its statistics in the contribution, and not among what is descended.
    assert found.statistics
    assert not found.statistics.keys() & found.values.keys()
    assert found.values.keys() | found.statistics.keys() == phi.keys()
    assert Contribution.from_bytes(found.to_bytes()).statistics.keys() == found.statistics.keys()


def test_one_step_is_the_estimator_itself():
    # Given no local steps, I expect nothing between a job and its estimator: φ stays what it was.
    assert type(estimator_of(spec_of(local_steps=1))) is type(build_estimator(spec_of().estimator))


def steps_alone(spec, episodes, phi=None):
    return alone(learner_of(spec), spec, phi_of(spec) if phi is None else phi, episodes, 5, 0)


@pytest.mark.parametrize("place", range(STEPS * SIZE))
def test_the_episode_that_is_not_finite_is_named(place):
    # Given a job of three steps, one episode of which is no number wherever it is met
    spec, episodes = spec_of(), episodes_of(STEPS * SIZE)
    episodes[place] = replace(episodes[place], query_x=episodes[place].query_x * torch.nan)
    # I expect it to be named, and nobody after its step, which has no φ to be met with.
    found = steps_alone(spec, episodes)
    assert offender(found) == place
    assert len(found) == (place // SIZE + 1) * SIZE


def test_an_episode_is_met_with_the_phi_of_its_step():
    # Given a job whose first steps take φ to where the last step's loss is no number, and no episode is bad by itself
    spec, episodes = spec_of(local_lr=1e290), episodes_of(STEPS * SIZE)
    job = contributed(spec, phi_of(spec), episodes)
    assert not is_finite(job)
    # I expect one of a later step to be named: each is met with the φ that the job met it with.
    found = steps_alone(spec, episodes)
    named = offender(found)
    assert named is None or named >= SIZE
    assert all(is_finite(each) for each in found[:SIZE])


def test_alone_episodes_add_up_to_their_steps():
    # Given a job that is well, I expect the episodes' losses to add up to the job's, whose draws they meet.
    spec, episodes = spec_of(), episodes_of(STEPS * SIZE)
    found = steps_alone(spec, episodes)
    assert sum(each.loss for each in found) == pytest.approx(contributed(spec, phi_of(spec), episodes).loss, rel=1e-9)
    assert offender(found) is None
