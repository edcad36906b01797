"""The outer optimisers against torch's own, the schedules by formula, and state that goes on as if never stored."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phiforge.learning.generators import torch_generator
from phiforge.learning.optimizers import clipped, init_state, learning_rate, update
from phiforge.learning.optimizers.adam import AdamConfig
from phiforge.learning.optimizers.sgd import SgdConfig
from phiforge.learning.tensors import decode, encode, fingerprint
from phiforge.spec.outer import Outer

SHAPES = {"conv.weight": (4, 1, 3, 3), "head.bias": (5,), "scalar": ()}
OPTIMIZERS = [
    AdamConfig(),
    AdamConfig(beta1=0.0, beta2=0.5, epsilon=1e-3),
    AdamConfig(beta1=0.95, beta2=0.9999),
    SgdConfig(),
    SgdConfig(momentum=0.9),
]
STEPS = 20


def outer_of(optimizer, **parts):
    return Outer(**{"optimizer": optimizer, "lr": 0.05, "clip_norm": None, "versions": STEPS} | parts)


def random_of(*seed, dtype=torch.float64):
    generator = torch_generator(*seed)
    return {
        name: torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for name, shape in SHAPES.items()
    }


def run(outer, phi, versions, state=None):
    """φ and state after the updates of ``versions``, each with a gradient of its own."""
    state = init_state(outer, phi) if state is None else state
    for version in versions:
        phi, state = update(outer, version, phi, state, random_of("gradient", version))
    return phi, state


def torch_optimizer(optimizer, parameters, lr):
    if isinstance(optimizer, AdamConfig):
        return torch.optim.Adam(parameters, lr, (optimizer.beta1, optimizer.beta2), optimizer.epsilon)
    return torch.optim.SGD(parameters, lr, optimizer.momentum)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-13), (torch.float32, 1e-6)], ids=str)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_against_torch(optimizer, dtype, tolerance):
    # Given φ, and torch's own optimiser on a copy in float64
    phi = random_of("phi", dtype=dtype)
    leaves = {name: value.double().clone().requires_grad_() for name, value in phi.items()}
    reference = torch_optimizer(optimizer, leaves.values(), 0.05)
    outer = outer_of(optimizer)
    state = init_state(outer, phi)
    for version in range(STEPS):
        # If both take the same steps
        gradient = random_of("gradient", version)
        for name, leaf in leaves.items():
            leaf.grad = gradient[name]
        reference.step()
        phi, state = update(outer, version, phi, state, gradient)
        # I expect the same φ after each of them, in the type it came in.
        for name, leaf in leaves.items():
            assert phi[name].dtype == dtype
            assert phi[name].shape == leaf.shape
            assert torch.allclose(phi[name].double(), leaf.detach(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_against_torch_with_schedule_and_clipping(optimizer):
    # Given a warm-up, a cosine and a small norm, and torch's own optimiser whose rate is set by hand
    outer = outer_of(optimizer, schedule="cosine", warmup=3, clip_norm=0.7)
    phi = random_of("phi")
    leaves = {name: value.clone().requires_grad_() for name, value in phi.items()}
    reference = torch_optimizer(optimizer, leaves.values(), 0.05)
    for version in range(STEPS):
        gradient = random_of("gradient", version)
        norm = math.sqrt(sum(float((value**2).sum()) for value in gradient.values()))
        assert norm > 0.7
        for name, leaf in leaves.items():
            leaf.grad = gradient[name] * 0.7 / norm
        done = (version - 3) / 17
        reference.param_groups[0]["lr"] = (
            0.05 * (version + 1) / 3 if version < 3 else 0.05 * (1 + math.cos(math.pi * done)) / 2
        )
        reference.step()
    # I expect the same φ after all of it.
    found, _ = run(outer, phi, range(STEPS))
    for name, leaf in leaves.items():
        assert torch.allclose(found[name], leaf.detach(), rtol=1e-12, atol=1e-12)


def test_the_first_steps_by_hand():
    # Given one number, I expect Adam's first step to be the rate, whatever the gradient,
    phi, gradient = {"x": torch.tensor(1.0, dtype=torch.float64)}, {"x": torch.tensor(-30.0, dtype=torch.float64)}
    adam = outer_of(AdamConfig())
    found = update(adam, 0, phi, init_state(adam, phi), gradient)
    assert found.phi["x"].item() == pytest.approx(1.05)
    assert found.state["mean/x"].item() == pytest.approx(-3.0)
    assert found.state["square/x"].item() == pytest.approx(0.9)
    # and heavy-ball momentum to add up.
    sgd = outer_of(SgdConfig(momentum=0.5))
    first = update(sgd, 0, phi, init_state(sgd, phi), gradient)
    second = update(sgd, 1, *first, gradient)
    assert first.phi["x"].item() == pytest.approx(1 + 0.05 * 30)
    assert second.phi["x"].item() == pytest.approx(1 + 0.05 * 30 + 0.05 * 45)
    assert second.state["momentum/x"].item() == pytest.approx(-45)


# Schedules


@pytest.mark.parametrize(
    ("parts", "rates"),
    [
        ({"schedule": "constant"}, {0: 1, 50: 1, 99: 1}),
        ({"schedule": "cosine"}, {0: 1, 50: 0.5, 25: (1 + 0.5**0.5) / 2, 99: (1 - math.cos(0.01 * math.pi)) / 2}),
        ({"schedule": "constant", "warmup": 10}, {0: 0.1, 4: 0.5, 9: 1, 10: 1, 99: 1}),
        ({"schedule": "cosine", "warmup": 20}, {0: 0.05, 19: 1, 20: 1, 60: 0.5, 99: (1 - math.cos(math.pi / 80)) / 2}),
        ({"schedule": "cosine", "warmup": 100}, {0: 0.01, 99: 1}),
        ({"schedule": "cosine", "warmup": 400}, {0: 0.0025, 99: 0.25}),
    ],
    ids=str,
)
def test_schedules_by_formula(parts, rates):
    # Given a run of 100 versions, I expect these fractions of the highest rate at its first, middle and last versions.
    outer = Outer(versions=100, lr=0.2, **parts)
    assert {version: learning_rate(outer, version) for version in rates} == pytest.approx(
        {version: 0.2 * rate for version, rate in rates.items()}
    )


@given(st.integers(1, 300), st.integers(0, 300), st.sampled_from(["constant", "cosine"]))
def test_rates_rise_to_the_highest_and_never_above(versions, warmup, schedule):
    # Given any schedule, I expect positive rates that rise while it warms up, and do not rise again.
    outer = Outer(versions=versions, warmup=warmup, schedule=schedule, lr=0.1)
    rates = [learning_rate(outer, version) for version in range(versions)]
    assert all(0 < rate <= 0.1 * (1 + 1e-12) for rate in rates)
    assert rates[:warmup] == sorted(rates[:warmup])
    assert rates[warmup:] == sorted(rates[warmup:], reverse=True)


# Clipping


def test_clipping_by_hand():
    # Given a gradient of norm sqrt(3² + 4² + 12²) = 13 over two tensors
    gradient = {"a": torch.tensor([[3.0, 4.0]]), "b": torch.tensor(12.0)}
    # I expect it to be scaled as a whole if it is longer than allowed,
    short = clipped(gradient, 6.5)
    assert short["a"].tolist() == [[1.5, 2.0]]
    assert short["b"].item() == 6.0
    # and as it is, in float64, if it is not, or if any length is.
    for norm in (13.0, 20.0, None):
        whole = clipped(gradient, norm)
        assert {name: value.tolist() for name, value in whole.items()} == {"a": [[3.0, 4.0]], "b": 12.0}
        assert all(value.dtype == torch.float64 for value in whole.values())
    assert clipped({}, 1.0) == {}


@given(st.floats(1e-6, 1e6), st.integers(0, 2**32))
def test_clipping_keeps_the_direction(clip_norm, seed):
    # Given any gradient, I expect the same direction, and the norm allowed or its own if that is less.
    gradient = random_of("gradient", seed)
    flat, short = (
        torch.cat([each.flatten() for each in of.values()]) for of in (gradient, clipped(gradient, clip_norm))
    )
    assert short.norm().item() == pytest.approx(min(flat.norm().item(), clip_norm), rel=1e-9)
    assert torch.allclose(short / short.norm(), flat / flat.norm(), rtol=1e-9, atol=1e-12)


def test_the_norm_is_taken_in_float64():
    # Given float32 entries whose squares float32 cannot hold, I expect them to be clipped all the same.
    short = clipped({"a": torch.full((4,), 1e30)}, 2.0)
    assert short["a"].tolist() == pytest.approx([1.0] * 4)


# State


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_a_run_goes_on_to_the_bit_from_stored_tensors(optimizer, dtype):
    # Given 20 updates in one go
    outer, phi = outer_of(optimizer, schedule="cosine", clip_norm=1.0), random_of("phi", dtype=dtype)
    expected_phi, expected_state = run(outer, phi, range(STEPS))
    for stop in (0, 1, 7):
        # If they stop, are stored as bytes, and go on from what is read
        stored = [encode(tensors) for tensors in run(outer, phi, range(stop))]
        found_phi, found_state = run(outer, decode(stored[0]), range(stop, STEPS), decode(stored[1]))
        # I expect the same φ and state to the bit.
        assert fingerprint(found_phi) == fingerprint(expected_phi)
        assert fingerprint(found_state) == fingerprint(expected_state)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_the_first_state(optimizer):
    # Given φ, I expect zeros of its shapes and types under the names that are documented.
    phi = random_of("phi", dtype=torch.float32)
    slots = ("mean", "square") if isinstance(optimizer, AdamConfig) else ("momentum",)
    state = init_state(outer_of(optimizer), phi)
    assert state.keys() == {f"{slot}/{name}" for slot in slots for name in phi}
    for name, value in state.items():
        assert value.dtype == torch.float32
        assert torch.equal(value, torch.zeros(SHAPES[name.split("/")[1]]))


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_updates_are_pure(optimizer):
    # Given φ, a state that is not zero, and a gradient
    outer = outer_of(optimizer, clip_norm=0.1)
    phi, state = run(outer, random_of("phi"), range(2))
    gradient = random_of("gradient", 2)
    before = [fingerprint(tensors) for tensors in (phi, state, gradient)]
    # If an update is made twice, I expect the same both times, and nothing given to be changed.
    first, again = (update(outer, 2, phi, state, gradient) for _ in range(2))
    assert [fingerprint(tensors) for tensors in (phi, state, gradient)] == before
    assert [fingerprint(tensors) for tensors in first] == [fingerprint(tensors) for tensors in again]
    assert fingerprint(first.phi) != before[0]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_entries_without_a_gradient_stay(optimizer):
    # Given a gradient of one entry of φ only
    outer = outer_of(optimizer)
    phi, state = run(outer, random_of("phi"), range(2))
    found = update(outer, 2, phi, state, {"head.bias": random_of("gradient", 2)["head.bias"]})
    # I expect the others, and their state, as they were.
    assert found.phi.keys() == phi.keys()
    assert found.state.keys() == state.keys()
    assert {name for name in phi if not torch.equal(found.phi[name], phi[name])} == {"head.bias"}
    assert all(torch.equal(found.state[name], state[name]) for name in state if not name.endswith("/head.bias"))


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_a_state_that_begins_later_begins_the_same(optimizer):
    # Given a constant rate, and an optimiser that begins at version 7
    outer, phi = outer_of(optimizer), random_of("phi")
    early, late, early_state, late_state = phi, phi, init_state(outer, phi), init_state(outer, phi, 7)
    # If it gets the gradients that another gets from version 0 on, by way of its bytes
    for version in range(STEPS):
        early, early_state = update(outer, version, early, early_state, random_of("gradient", version))
        late, late_state = update(outer, version + 7, late, late_state, random_of("gradient", version))
        late_state = decode(encode(late_state))
    # I expect the same φ to the bit.
    assert fingerprint(late) == fingerprint(early)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_groups_of_entries_against_torch(optimizer):
    # Given two groups by patterns of names, one of which also fits what the other took, and torch's own groups
    groups = [{"pattern": "*.bias", "lr": 0.2}, {"pattern": "head.*", "lr": 9.0}, {"pattern": "conv?weight", "lr": 0.0}]
    outer = outer_of(optimizer, groups=groups, schedule="cosine")
    phi = random_of("phi")
    leaves = {name: value.clone().requires_grad_() for name, value in phi.items()}
    highest = {"conv.weight": 0.0, "head.bias": 0.2, "scalar": 0.05}
    reference = torch_optimizer(optimizer, [{"params": [leaves[name]], "lr": lr} for name, lr in highest.items()], 0.05)
    for version in range(STEPS):
        for name, leaf in leaves.items():
            leaf.grad = random_of("gradient", version)[name]
        share = (1 + math.cos(math.pi * version / STEPS)) / 2
        for group, lr in zip(reference.param_groups, highest.values(), strict=True):
            group["lr"] = lr * share
        reference.step()
    # I expect each entry to move at the rate of the first group that fits, by the schedule of all,
    found, _ = run(outer, phi, range(STEPS))
    for name, leaf in leaves.items():
        assert torch.allclose(found[name], leaf.detach(), rtol=1e-12, atol=1e-12)
    # and one of rate nought to stay as it is.
    assert torch.equal(found["conv.weight"], phi["conv.weight"])


def test_no_groups_and_a_group_of_the_same_rate_are_the_same_to_the_bit():
    # Given a group of all entries at the rate of all, I expect the very φ and state that there are without it.
    with_group, without = (
        run(outer_of(AdamConfig(), warmup=3, groups=groups), random_of("phi", dtype=torch.float32), range(STEPS))
        for groups in ([{"pattern": "*", "lr": 0.05}], [])
    )
    assert [fingerprint(each) for each in with_group] == [fingerprint(each) for each in without]


TORCH_SCHEDULES = [
    (
        {"schedule": "restarts", "period": 3, "period_factor": 2},
        lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 3, 2),
    ),
    (
        {"schedule": "restarts", "period": 7},
        lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 7),
    ),
    ({"schedule": "halving", "period": 4}, lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 4, 0.5)),
    ({"schedule": "linear"}, lambda optimizer: torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, STEPS)),
]


@pytest.mark.parametrize(("parts", "scheduler_of"), TORCH_SCHEDULES, ids=["growing", "restarts", "halving", "linear"])
def test_schedules_against_torch(parts, scheduler_of):
    # Given a schedule, and torch's own
    outer = outer_of(SgdConfig(), **parts)
    reference = torch.optim.SGD([torch.zeros(1, requires_grad=True)], outer.lr)
    scheduler = scheduler_of(reference)
    for version in range(STEPS):
        # Expect the same rate at every version,
        assert learning_rate(outer, version) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-12, abs=1e-17)
        reference.step()
        scheduler.step()
    # and it to begin after a warm-up.
    warm = outer_of(SgdConfig(), warmup=5, **parts)
    assert [learning_rate(warm, version) / warm.lr for version in range(6)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1])
