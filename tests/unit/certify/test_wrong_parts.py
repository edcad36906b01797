"""A part that is wrong fails the proof of what is wrong with it, and no part fails without one."""

import pytest

from phiforge.base.errors import MissingPartError, RegistryError
from phiforge.certify.run import certify
from phiforge.registry import KINDS
from tests.unit.certify import wrong

WRONG = [
    ("learner", wrong.WrongGradient, "its gradient by 'backpropagation' against differences"),
    ("learner", wrong.Impure, "F_φ leaves φ and the task as they were"),
    ("learner", wrong.Drawing, "the same seed gives the same logits"),
    ("learner", wrong.NotTransductive, "transductive, or not, as it says"),
    ("learner", wrong.NotAnyWays, "serves other numbers of ways with the same φ"),
    ("learner", wrong.Annealed, "progress changes nothing that is computed"),
    ("learner", wrong.SomeOfStart, "its inner loop moves all of φ"),
    ("learner", wrong.OneStepMore, "tries numbers of inner steps as it takes each alone"),
    ("learner", wrong.NoInnerGradient, "takes inner gradients, or not, as it says"),
    ("estimator", wrong.NotExact, "contributes the gradient, against differences"),
    ("estimator", wrong.Summing, "jobs combine as the mean over their tasks"),
    ("estimator", wrong.Silent, "refuses with reasons, whatever the learner"),
    ("network", wrong.WrongCount, "as many features of images as it says"),
    ("network", wrong.Averaging, "transductive, or not, as it says"),
    ("optimizer", wrong.Uphill, "goes down a bowl to a tenth of its height"),
    ("optimizer", wrong.Undeclared, "keeps the slots that it declares"),
    ("optimizer", wrong.Counting, "counts its updates, or not, as it says"),
    ("optimizer", wrong.InPlace, "a step leaves gradient and memory as they were"),
    ("score", wrong.WrongWay, "is better of right outputs than of random ones, of labels"),
    ("score", wrong.NotScalar, "is a finite scalar of labels"),
    ("family", wrong.Unseeded, "the same seed gives the same bytes"),
    ("family", wrong.WrongShape, "tasks are of the shapes that it says"),
    ("proposer", wrong.UnseededSearch, "proposes the same again of numbers"),
    ("scheduler", wrong.StoppingAll, "lets some go on, of those that are there"),
    ("dataset", wrong.Overlapping, "classes have images of their own, two or more"),
]


@pytest.fixture
def installed(monkeypatch):
    """Puts a class where an entry point would have brought it."""
    return lambda kind, part: monkeypatch.setitem(KINDS[kind]._loaded, "wrong", part)


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case[1].__name__)
def test_a_wrong_part_fails_the_right_proof(case, installed):
    # Given a part that is wrong in one way, if it is certified
    kind, part, proof = case
    installed(kind, part)
    failed = [each.proof.name for each in certify("wrong", kind) if not each.holds]
    # I expect the proof of that not to hold.
    assert proof in failed


def test_a_right_part_fails_nothing(installed):
    # Given the learner that the wrong ones are made of, if it is certified, I expect every proof to hold.
    installed("learner", wrong.RightLearner)
    assert [each.proof.name for each in certify("wrong", "learner") if not each.holds] == []


def test_what_breaks_off_does_not_hold(installed):
    # Given a score that raises, if it is certified, I expect every proof to say with what.
    installed("score", wrong.Broken)
    found = list(certify("wrong", "score"))
    assert not any(each.holds for each in found)
    assert {each.error for each in found} == {"ZeroDivisionError: nothing by nothing"}


def test_a_name_that_nothing_has():
    # Given a name that no part has, if it is certified, I expect to be told what there is.
    with pytest.raises(MissingPartError, match=r"'wrong' here; learner: anil"):
        next(certify("wrong"))
    with pytest.raises(MissingPartError, match="kinds are learner, "):
        next(certify("maml", "learners"))


def test_a_name_that_two_kinds_have(monkeypatch):
    # Given a score called as a learner is, if that name is certified without its kind, I expect to be asked for it.
    monkeypatch.setitem(KINDS["score"].__dict__, "_own", frozenset({"maml"}))
    with pytest.raises(RegistryError, match="a learner and of a score"):
        next(certify("maml"))
