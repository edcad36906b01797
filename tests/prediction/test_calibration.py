"""Temperature, expected calibration error, and the threshold below which a picture is of none of the classes."""

import math

import pytest
import torch

from phiforge.base.errors import TaskError
from phiforge.prediction.calibration import Answers, best_temperature, calibrate, expected_calibration_error
from phiforge.prediction.validation import Shape
from tests.prediction.drawn import letter


def overconfident(count, factor, seed=0):
    """Return logits that are ``factor`` times too large, and labels drawn by what they should be."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(count, 5, generator=generator, dtype=torch.float64) * 2
    labels = torch.multinomial(logits.softmax(dim=1), 1, generator=generator)[:, 0]
    return logits * factor, labels


@pytest.mark.parametrize("factor", [0.25, 1.0, 4.0])
def test_the_temperature_that_was_put_in_comes_out(factor):
    # Given logits that are so many times too large, if the temperature is looked for, I expect that number,
    logits, labels = overconfident(20_000, factor)
    assert best_temperature(logits, labels) == pytest.approx(factor, rel=0.05)
    # and an expected calibration error near 0 with it.
    assert expected_calibration_error(logits / factor, labels) < 0.01
    if factor != 1:
        assert expected_calibration_error(logits, labels) > 0.05


def test_expected_calibration_error_by_hand():
    # Given four answers of probability 0.9, of which three are right, and two of 0.6, of which one is
    def row(share):
        return [math.log(share), math.log(1 - share)]

    outputs = torch.tensor([row(0.9)] * 4 + [row(0.6)] * 2)
    labels = torch.tensor([0, 0, 0, 1, 0, 1])
    # I expect the weighted gaps of the two bins.
    assert expected_calibration_error(outputs, labels) == pytest.approx(4 / 6 * 0.15 + 2 / 6 * 0.1, abs=1e-6)


def test_the_threshold_lets_the_stated_share_pass():
    # Given many outputs for pictures of other classes, if a threshold is learned on some, I expect it to hold.
    logits, labels = overconfident(4000, 2.0)
    strangers = torch.randn(4000, 5, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    learn = Answers(logits[::2], labels[::2], strangers[::2])
    measure = Answers(logits[1::2], labels[1::2], strangers[1::2])
    for share in (0.01, 0.2):
        found = calibrate((learn, measure), (5, 1, False, 2), share)
        assert found.false_accept_found == pytest.approx(share, abs=0.02)
        assert 0 < found.false_reject < 1


@pytest.mark.parametrize(("learner", "tasks"), [("proto", 20), ("running", 40)])
def test_of_many_ways_fewer_tasks_where_each_query_costs_a_support_set(model, learner, tasks):
    # Given a model that looks at the set at hand, and one that does not, if tasks of ten ways are asked for
    found = model(learner).calibration_of(Shape(10, 1, transductive=False))
    # I expect of the first as many tasks as have 600 queries; of the other, whose queries are answered together, all.
    assert (found.n_way, found.tasks) == (10, tasks)


def test_a_model_is_calibrated_on_its_validation_classes(model, support, query):
    # Given a run with its dataset, if it is adapted, I expect a calibration of the support set's shape,
    classifier = model("proto").adapt(support)
    found = classifier.calibration
    assert (found.n_way, found.k_shot, found.transductive, found.tasks) == (5, 2, False, 40)
    assert found.error <= found.error_before + 0.02
    # the same when it is adapted again, and probabilities that it corrects without another order.
    assert model("proto").adapt(support).calibration == found
    plain = model("proto").adapt(support, calibrate=False).predict(query)
    corrected = classifier.predict(query)
    assert [each.label for each in plain] == [each.label for each in corrected]
    assert [each.ranked for each in plain] != [each.ranked for each in corrected]
    assert all(each.known is None for each in plain + corrected)


def test_none_of_these(model, support):
    # Given a lenient and a strict rate, if pictures of other classes are asked for
    strange = [letter(each, number) for each in "QWZ" for number in range(4)]
    strict = model("proto").adapt(support, false_accept=0.01).predict(strange)
    lenient = model("proto").adapt(support, false_accept=0.5).predict(strange)
    # I expect more of them to be of none of the classes by the strict one, and the answer to say so.
    rejected = [each for each in strict if each.known is False]
    assert len(rejected) > len([each for each in lenient if each.known is False])
    assert {each.answer for each in rejected} == {"none of these"}
    assert all(each.label in "AKOTX" for each in rejected)


def test_a_rate_that_is_no_share_is_refused(model, support):
    # Given a rate of 2, if a model is adapted, I expect to be told what is allowed.
    with pytest.raises(TaskError, match="between 0 and 1"):
        model("proto").adapt(support, false_accept=2.0)
