"""Contributions become the next φ in order of job, in float64, whatever the order they came in."""

from contextlib import contextmanager

import numpy as np
import pytest
import redis
import torch
from hypothesis import given
from hypothesis import strategies as st

from phiforge.base.errors import FormatError, RunError
from phiforge.learning.estimators import Contribution, Step, build_estimator
from phiforge.learning.estimators.bases.estimator import mean_values
from phiforge.learning.optimizers import init_state
from phiforge.learning.reduction import MOMENTUM, reduce
from phiforge.learning.tensors import decode, encode, fingerprint
from phiforge.runs.consistency.synchronous.exchange import SynchronousExchange
from phiforge.runs.exchange import Exchange
from phiforge.runs.steps import Ticket
from phiforge.spec.run import RunSpec

JOBS, TASKS = 12, 2

NO_SCORES = {"loss": 0.0, "accuracy": 0.0}


def spec_of(estimator="backpropagation", **outer):
    plain = {"optimizer": {"name": "sgd"}, "lr": 0.5, "clip_norm": None, "meta_batch": JOBS * TASKS, "job_size": TASKS}
    return RunSpec.model_validate({"outer": plain | outer, "estimator": {"name": estimator}})


def phi_of(dtype=torch.float32):
    return {"w": torch.tensor([[1.0, -2.0, 0.5]], dtype=dtype), "b": torch.tensor(0.25, dtype=dtype)}


def payload_of(seed, tasks=TASKS, dtype=torch.float32):
    """A contribution whose entries are of very different sizes, so that the order of a sum can be seen in it."""
    generator = np.random.default_rng(seed)
    sizes = 10.0 ** generator.integers(-8, 9, 4)
    w, b = np.split(generator.standard_normal(4) * sizes, [3])
    values = {"w": torch.tensor(w[None], dtype=dtype), "b": torch.tensor(b[0], dtype=dtype)}
    scores = {"loss": float(generator.random() * tasks), "accuracy": float(generator.integers(0, tasks + 1))}
    return Contribution(scores, tasks, values).to_bytes()


def reduced(payloads, phi=None, estimator="backpropagation", version=3, **outer):
    phi = phi_of() if phi is None else phi
    spec = spec_of(estimator, **outer)
    state = init_state(spec.outer, phi)
    return reduce(build_estimator(spec.estimator), Step(spec, version), phi, state, payloads)


class Arrived:
    """A Redis whose open step holds contributions in order of arrival."""

    def __init__(self, payloads):
        self.payloads = payloads
        self.asked = []

    @contextmanager
    def pipeline(self, transaction):
        yield self

    def hmget(self, *_):
        pass

    def get(self, key):
        self.asked.append(int(key.rpartition(":")[2]))

    def hgetall(self, *_):
        pass

    def execute(self):
        origins = {str(job).encode(): b"origin" for job in self.payloads}
        return [b"3", b"phi", b"optimizer"], origins, *(self.payloads[job] for job in self.asked)


@given(st.permutations(range(JOBS)), st.integers(0, 2**32), st.sampled_from(["backpropagation", "first_order"]))
def test_the_order_of_arrival_does_not_matter(arrival, seed, estimator):
    # Given the contributions of twelve jobs, if they come in any order
    payloads = [payload_of((seed, job)) for job in range(JOBS)]
    steps, last = SynchronousExchange(Exchange(redis.Redis(), "test")), Ticket(3, arrival[-1])
    steps._redis = Arrived({job: payloads[job] for job in arrival})
    # I expect them back in order of job, and so the same commit to the bit.
    step = steps.open_step("run", 3, JOBS, own={last: payloads[last.job]})
    found = list(step.contributions.values())
    assert list(step.origins) == list(step.contributions) == [(3, job) for job in range(JOBS)]
    assert found == payloads
    assert reduced(found, estimator=estimator) == reduced(payloads, estimator=estimator)


def test_the_order_of_jobs_is_what_is_summed():
    # Given numbers in φ's float64 whose sum depends on its order
    phi = {"w": torch.zeros((), dtype=torch.float64)}

    def sum_of(*values):
        payloads = [Contribution(NO_SCORES, 1, {"w": torch.tensor(value, dtype=torch.float64)}) for value in values]
        return -decode(reduced([each.to_bytes() for each in payloads], phi, lr=float(len(values))).phi)["w"].item()

    # I expect them summed from the first job to the last.
    assert sum_of(1e16, 1.0, -1e16) == 0.0
    assert sum_of(1e16, -1e16, 1.0) == 1.0


def test_sums_are_in_float64():
    # Given float32 contributions whose sum float32 would lose, I expect the sum.
    payloads = [Contribution(NO_SCORES, 1, {"w": torch.tensor(value)}).to_bytes() for value in (1e8, 1.0, -1e8, 2.0)]
    phi = {"w": torch.tensor(0.0)}
    assert decode(reduced(payloads, phi, lr=4.0).phi)["w"].item() == -3.0
    mean = mean_values([Contribution.from_bytes(payload) for payload in payloads])
    assert mean["w"].dtype == torch.float64
    assert mean["w"].item() == 0.75


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("seed", range(5))
def test_against_numpy(seed, dtype):
    # Given contributions of jobs that had 1, 2, 3, ... tasks
    phi = phi_of(dtype)
    payloads = [payload_of((seed, job), tasks=job + 1, dtype=dtype) for job in range(JOBS)]
    found = reduced(payloads, phi)
    contributions = [Contribution.from_bytes(payload) for payload in payloads]
    tasks = JOBS * (JOBS + 1) / 2
    # I expect φ less the rate times their mean over tasks, summed in order of job, rounded once at the end,
    expected = {}
    for name, value in phi.items():
        total = np.zeros(value.shape)
        for contribution in contributions:
            total = total + contribution.values[name].numpy().astype(np.float64)
        moved = value.numpy().astype(np.float64) - 0.5 * (total / tasks)
        expected[name] = torch.tensor(moved, dtype=dtype)
    assert fingerprint(decode(found.phi)) == fingerprint(expected) == found.phi_hash
    # and the mean loss and accuracy of a task.
    assert found.scores["loss"] == pytest.approx(sum(each.loss for each in contributions) / tasks, rel=1e-12)
    assert found.scores["accuracy"] == pytest.approx(
        sum(each.scores["accuracy"] for each in contributions) / tasks, rel=1e-12
    )


def test_what_is_reduced_is_named_by_its_hashes():
    # Given a reduction, I expect the hashes of the φ and the state that it gives.
    found = reduced([payload_of(job) for job in range(JOBS)])
    assert fingerprint(decode(found.phi)) == found.phi_hash
    assert fingerprint(decode(found.optimizer)) == found.optimizer_hash


def test_the_state_goes_with_phi():
    # Given Adam, I expect its moments after the first update to be of the mean gradient.
    payloads = [payload_of(job) for job in range(JOBS)]
    found = reduced(payloads, optimizer={"name": "adam"}, version=0)
    mean = mean_values([Contribution.from_bytes(payload) for payload in payloads])
    state = decode(found.optimizer)
    assert state.keys() == {"mean/w", "mean/b", "square/w", "square/b"}
    for name, value in mean.items():
        assert torch.allclose(state[f"mean/{name}"].double(), 0.1 * value, rtol=1e-6)
        assert torch.allclose(state[f"square/{name}"].double(), 0.001 * value**2, rtol=1e-6)


def test_the_whole_gradient_is_clipped_not_each_jobs():
    # Given two jobs of one task that pull apart, and norms far above what is allowed
    payloads = [
        Contribution(NO_SCORES, 1, {"w": torch.tensor(value)}).to_bytes() for value in ([9.0, 8.0], [-9.0, 0.0])
    ]
    found = reduced(payloads, {"w": torch.zeros(2)}, lr=1.0, clip_norm=2.0)
    # I expect their mean (0, 4), cut to length 2.
    assert decode(found.phi)["w"].tolist() == [0.0, -2.0]


@pytest.mark.parametrize(
    ("loss", "gradient", "outer"),
    [
        (float("nan"), 1.0, {}),
        (float("inf"), 1.0, {}),
        (1.0, float("nan"), {}),
        (1.0, float("inf"), {}),
        (1.0, float("nan"), {"clip_norm": 1.0}),
        (1.0, float("inf"), {"clip_norm": 1.0}),
        (1.0, float("-inf"), {"optimizer": {"name": "adam"}}),
        (1.0, 1e38, {"lr": 1e3}),
    ],
    ids=str,
)
def test_steps_that_are_not_finite(loss, gradient, outer):
    # Given one job of three whose loss or gradient is not finite, or a step that float32 cannot hold
    good = Contribution({"loss": 1.0, "accuracy": 0.5}, 1, {"w": torch.tensor([1.0, 1.0])}).to_bytes()
    bad = Contribution({"loss": loss, "accuracy": 0.5}, 1, {"w": torch.tensor([1.0, gradient])}).to_bytes()
    # I expect an error that says what to change, and no commit.
    with pytest.raises(RunError, match=r"the step from version 3 is not finite .*lower outer\.lr"):
        reduced([good, bad, good], {"w": torch.zeros(2)}, **outer)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: b"", lambda data: encode({"w": torch.ones(2)})]
)
def test_payloads_that_are_no_contributions(damage):
    # Given a contribution that was cut short, or that is something else, I expect it to be refused.
    payloads = [payload_of(job) for job in range(3)]
    payloads[1] = damage(payloads[1])
    with pytest.raises(FormatError, match=r"not a (whole safetensors file|contribution: its tensors are \['w'\])"):
        reduced(payloads)


further = st.dictionaries(st.text("abc_2", min_size=1, max_size=8), st.floats(allow_nan=False), max_size=3)


sums = st.tuples(st.floats(allow_nan=False), st.floats(0, 1e6))


@given(sums, further, st.integers(0, 2**53), st.integers(0, 2**32), st.booleans())
def test_contributions_round_trip(always, more, tasks, seed, notes):
    # Given any contribution, with statistics or without, if it is written and read, I expect it back to the bit.
    values = Contribution.from_bytes(payload_of(seed)).values
    statistics = {f"statistics/{name}": value + 1 for name, value in values.items()} if notes else {}
    scores = dict(zip(("loss", "accuracy"), always, strict=True)) | more
    contribution = Contribution(scores, tasks, values, statistics)
    found = Contribution.from_bytes(contribution.to_bytes())
    assert (found.scores, found.tasks) == (scores, tasks)
    assert fingerprint(found.values) == fingerprint(values)
    assert fingerprint(found.statistics) == fingerprint(statistics)
    assert found.to_bytes() == contribution.to_bytes()


# Statistics

MEAN, VAR = "statistics/norm0.mean", "statistics/norm0.var"


def noting(tasks, mean, var, dtype=torch.float32):
    """A contribution with a gradient of w and the statistics that a job saw."""
    statistics = {MEAN: torch.tensor(mean, dtype=dtype), VAR: torch.tensor(var, dtype=dtype)}
    return Contribution(NO_SCORES, tasks, {"w": torch.tensor([2.0 * tasks], dtype=dtype)}, statistics).to_bytes()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_statistics_move_towards_the_mean_over_tasks(optimizer, dtype):
    # Given jobs of one and three tasks that saw means of 8 and 4, and variances of 1 and 5
    phi = {"w": torch.tensor([1.0]), MEAN: torch.tensor([1.0, 2.0]), VAR: torch.tensor([1.0, 3.0])}
    phi = {name: value.to(dtype) for name, value in phi.items()}
    payloads = [noting(1, [8.0, 8.0], [1.0, 1.0], dtype), noting(3, [4.0, 4.0], [5.0, 5.0], dtype)]
    found = decode(reduced(payloads, phi, optimizer={"name": optimizer}).phi)
    # I expect a tenth of the way to 5 and 4, in the type of φ, whatever the outer optimiser and its rate,
    assert MOMENTUM == 0.1
    assert found[MEAN].tolist() == pytest.approx([0.9 * 1 + 0.1 * 5, 0.9 * 2 + 0.1 * 5], rel=1e-6)
    assert found[VAR].tolist() == pytest.approx([0.9 * 1 + 0.1 * 4, 0.9 * 3 + 0.1 * 4], rel=1e-6)
    assert {value.dtype for value in found.values()} == {dtype}
    # and the rest of φ to be as without them.
    without = [
        Contribution(each.scores, each.tasks, each.values).to_bytes() for each in map(Contribution.from_bytes, payloads)
    ]
    plain = decode(reduced(without, phi, optimizer={"name": optimizer}).phi)
    assert torch.equal(found["w"], plain["w"])
    assert not torch.equal(found["w"], phi["w"])
    # If no job saw any, I expect them as they were.
    assert torch.equal(plain[MEAN], phi[MEAN])
    assert torch.equal(plain[VAR], phi[VAR])


def test_statistics_that_are_not_finite():
    # Given a job that saw what float32 cannot hold, I expect an error and no commit.
    phi = {"w": torch.zeros(1), MEAN: torch.zeros(1), VAR: torch.ones(1)}
    with pytest.raises(RunError, match="is not finite"):
        reduced([noting(1, [float("inf")], [1.0])], phi)


@given(st.permutations(range(5)))
def test_statistics_do_not_depend_on_the_order_of_names(order):
    # Given statistics in any order of names, I expect the same φ to the bit.
    names = [f"statistics/norm{number}.mean" for number in range(5)]
    phi = {"w": torch.zeros(1)} | {name: torch.zeros(1) for name in names}

    def payload(names):
        seen = {name: torch.tensor([float(name[15])]) for name in names}
        return Contribution(NO_SCORES, 1, {"w": torch.ones(1)}, seen).to_bytes()

    shuffled = reduced([payload([names[index] for index in order])] * 2, phi)
    assert shuffled == reduced([payload(names)] * 2, phi)
