"""The certificate, proof by proof: every learner x estimator is refused with a reason, or right."""

import pytest

from phiforge.learning.estimators import ESTIMATORS as BUILT
from phiforge.learning.learners import LEARNERS
from tests.certificate import acting
from tests.certificate.cells import BY_ESTIMATOR, ESTIMATORS, cells, proofs_of, refusal
from tests.certificate.closed_forms import CLOSED_FORMS
from tests.certificate.training import TRAININGS, run
from tests.thorough import NIGHTLY

REFUSED = {cell: reason for cell in cells() if (reason := refusal(*cell))}
PROVEN = [cell for cell in cells() if cell not in REFUSED]
PROOFS = [(cell, proof) for cell in PROVEN for proof in proofs_of(*cell)]
FIRST = {(*cell, proof.kind): proof.variant for cell, proof in reversed(PROOFS)}
"""Of each cell and each way to prove it, the variant that is tried by day; the others are by night."""
GRADIENTS = ("backpropagation", "first_order", "implicit", "reptile", "reinforce")


def named(case):
    (learner, estimator), proof = case
    return f"{learner}-{estimator}-{proof.kind}-{proof.variant}"


def test_no_cell_is_forgotten():
    # Given every learner and every estimator that a spec can name
    assert set(BY_ESTIMATOR) == set(ESTIMATORS) == {*BUILT, "none"}
    # If a pair is not refused, I expect proofs of it: ``proofs_of`` raises for one that has none.
    assert len(PROVEN) + len(REFUSED) == len(LEARNERS) * len(ESTIMATORS)
    assert all(proofs_of(*cell) for cell in PROVEN)


@pytest.mark.parametrize("cell", PROVEN, ids="-".join)
def test_an_unlisted_cell_is_an_error(cell, monkeypatch):
    # Given a cell whose estimator's proofs are none
    monkeypatch.setitem(BY_ESTIMATOR, cell[1], lambda learner: [])
    monkeypatch.setattr(acting, "proofs_of", lambda learner, estimator: [])
    # If its proofs are asked for, I expect an error that names it.
    with pytest.raises(KeyError, match=rf"{cell[0]}.*{cell[1]}"):
        proofs_of(*cell)


@pytest.mark.parametrize("cell", REFUSED, ids="-".join)
def test_a_refusal_gives_a_reason(cell):
    # Given a pair that is refused at submit, I expect a reason at the estimator's place that says what is wrong.
    reason = REFUSED[cell]
    assert "estimator.name: " in reason
    assert cell[0] in reason or cell[1] in reason


@pytest.mark.parametrize("cell", PROVEN, ids="-".join)
def test_what_regresses_is_trained(cell):
    # Given a learner of regressions under an estimator that takes gradients, I expect a training of it.
    learner, estimator = cell
    if LEARNERS[learner].regresses and estimator in GRADIENTS:
        assert cell in TRAININGS


def by_day(case):
    (learner, estimator), proof = case
    return FIRST[learner, estimator, proof.kind] == proof.variant


@pytest.mark.parametrize(
    "case", [pytest.param(each, marks=() if by_day(each) else NIGHTLY) for each in PROOFS], ids=named
)
def test_a_cell(case):
    # Given a learner and an estimator, if what they compute is proven in one way
    figure = case[1].decide()
    # I expect the error to be within its limit.
    assert figure.holds, figure


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_a_closed_form(name):
    # Given something that can be worked out by hand, if the library computes it
    figure = CLOSED_FORMS[name]()
    # I expect the same.
    assert figure.holds, figure


@pytest.mark.parametrize("pair", TRAININGS, ids="-".join)
def test_a_training_on_sinusoids(pair):
    # Given ten-shot sinusoids, if φ is trained for a few seconds
    losses = run(TRAININGS[pair])
    # I expect a loss on unseen tasks clearly below that of φ₀.
    assert losses.after < losses.below < losses.before
