"""The exponential average of φ is what its formula says of all versions, and changes nothing where nobody asks."""

import pytest
import torch

from phiforge.base.errors import RunError
from phiforge.learning.estimators import Step, build_estimator
from phiforge.learning.meta_training import meta_train
from phiforge.learning.optimizers import AVERAGE, carried_on, init_state, judged, kept, moved_on
from phiforge.learning.reduction import reduce
from phiforge.learning.tensors import decode, encode, fingerprint, without_prefix
from phiforge.spec.outer import Outer
from phiforge.spec.run import RunSpec
from phiforge.tasks.drawing import Tasks
from tests.unit.test_reduction import JOBS, payload_of, phi_of, spec_of

DECAY = 0.7


def outer_of(**average):
    return Outer(average={"decay": DECAY} | average)


def by_formula(versions, decay=DECAY):
    """Σ d^(t-v) φ_v / Σ d^(t-v), in float64, of the φ of versions 1 … t."""
    weights = [decay ** (len(versions) - 1 - place) for place in range(len(versions))]
    return {
        name: sum(weight * phi[name].double() for weight, phi in zip(weights, versions, strict=True)) / sum(weights)
        for name in versions[0]
    }


def near(found, expected, tolerance=1e-6):
    return found.keys() == expected.keys() and all(
        torch.allclose(found[name].double(), expected[name], rtol=tolerance, atol=tolerance) for name in found
    )


@pytest.mark.parametrize("begins", [0, 5])
def test_the_average_is_what_the_formula_says(begins):
    # Given an average that begins with the run, or later
    outer, states = outer_of(), []
    versions = [{"w": torch.randn(3, 2, generator=torch.Generator().manual_seed(seed))} for seed in range(30)]
    state = init_state(outer, versions[0], begins)
    # If φ moves, and the state goes by its bytes
    for place, phi in enumerate(versions[1:]):
        state = decode(encode(dict(state) | moved_on(outer, begins + place, state, phi)))
        states.append(state)
    # Expect φ itself after one version, and the weighted mean of all versions after each, φ₀ not among them.
    assert torch.equal(states[0][f"{AVERAGE}/w"], versions[1]["w"])
    for place, state in enumerate(states):
        assert near(without_prefix(AVERAGE, state), by_formula(versions[1 : place + 2]))


def test_reduction_moves_the_average_on_after_statistics():
    # Given the contributions of a version, with an average and without
    payloads, phi = [payload_of(job) for job in range(JOBS)], phi_of()
    found = {}
    for name, average in {"with": {"decay": DECAY}, "without": None}.items():
        spec = spec_of(average=average)
        state = init_state(spec.outer, phi)
        found[name] = reduce(build_estimator(spec.estimator), Step(spec, 0), phi, state, payloads)
    # Expect the same φ to the bit, and the average in the state, which is the first version's φ.
    assert found["with"].phi == found["without"].phi
    assert fingerprint(kept(decode(found["without"].optimizer))) == fingerprint({})
    assert near(without_prefix(AVERAGE, decode(found["with"].optimizer)), by_formula([decode(found["with"].phi)]))
    assert found["with"].optimizer_hash == fingerprint(decode(found["with"].optimizer))


def test_a_spec_without_an_average_is_recorded_as_ever():
    # Given a spec without an average, and one with, Expect the one to be recorded without a word of it.
    plain, with_average = RunSpec(), RunSpec.model_validate({"outer": {"average": {}}})
    assert "average" not in plain.to_json()["outer"]
    assert with_average.to_json()["outer"]["average"] == {"decay": 0.99, "judged": True}
    assert RunSpec.from_json(with_average.to_json()) == with_average
    assert with_average.schema_version == 2


def test_what_is_judged():
    # Given φ and a state with an average
    phi, outer = phi_of(), outer_of()
    state = init_state(outer, {name: value + 1 for name, value in phi.items()})
    # Expect the average where the spec says so, φ where it does not,
    assert fingerprint(judged(outer, phi, state)) == fingerprint(without_prefix(AVERAGE, state))
    assert fingerprint(judged(outer_of(judged=False), phi, state)) == fingerprint(phi)
    assert fingerprint(judged(Outer(), phi, state)) == fingerprint(phi)
    # and a sentence where there is none.
    with pytest.raises(RunError, match="the run kept no average of φ"):
        judged(outer, phi, init_state(Outer(), phi))


def test_a_run_that_goes_on_from_another():
    # Given the states of runs with an average and without
    phi, old = phi_of(), {name: value - 1 for name, value in phi_of().items()}
    averaged, plain = init_state(outer_of(), old), init_state(Outer(), old)
    # Expect an average to go on, to end, and to begin with the first version after it.
    assert fingerprint(carried_on(outer_of(), phi, averaged, 4)) == fingerprint(averaged)
    assert fingerprint(carried_on(Outer(), phi, averaged, 4)) == fingerprint(plain)
    begun = carried_on(outer_of(), phi, plain, 4)
    first = {name: value * 3 for name, value in phi.items()}
    assert near(without_prefix(AVERAGE, moved_on(outer_of(), 4, begun, first)), by_formula([first]))


def test_meta_training_in_one_process_keeps_it():
    # Given a small run with an average, with local steps whose own optimiser keeps none
    raw = {
        "data": {"name": "sinusoid"},
        "task": {"n_way": 1, "k_shot": 3, "n_query": 3},
        "learner": {"name": "maml", "inner_lr": 0.01, "network": {"name": "mlp"}},
        "outer": {"versions": 6, "meta_batch": 4, "job_size": 2, "local_steps": 2, "average": {"decay": DECAY}},
    }
    spec = RunSpec.model_validate(raw)
    # If it is trained, Expect each version to be judged by the average of all versions so far.
    first, *versions = meta_train(spec, Tasks(spec).training)
    assert fingerprint(first.judged) == first.phi_hash
    for place, version in enumerate(versions):
        assert near(version.judged, by_formula([each.phi for each in versions[: place + 1]]))
    assert fingerprint(versions[-1].judged) != versions[-1].phi_hash
