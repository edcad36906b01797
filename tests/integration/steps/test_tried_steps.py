"""Numbers of inner steps are tried beside evaluators of an earlier version, which know of one number."""

import pytest

from phiforge.fleet.platform import Platform
from phiforge.learning.scoring import ChunkScores, summary
from phiforge_client.submission import submit
from phiforge_evaluator.chunk import Evaluator
from phiforge_evaluator.report import build_report
from phiforge_sampler.service import Sampler
from tests.badinput.conftest import waves

pytestmark = pytest.mark.services

EARLIER = ChunkScores({"loss": [1.0, 2.0], "accuracy": [0.5, 0.5]})
"""What an evaluator of an earlier version makes of a chunk."""


@pytest.fixture
def run(platform: Platform) -> str:
    """A run of φ₀ alone, which gives no number of inner steps and has the episodes that judge it."""
    run = submit(platform, waves(outer={"versions": 0}))
    for split in ("validation", "test"):
        for chunk in range(2):
            Sampler(platform).sample_evaluation(run, split, chunk, sent_at=0)
    return run


def judge(platform: Platform, run: str, split: str) -> None:
    for chunk in range(2):
        Evaluator(platform).handle(run, split, 0, chunk, sent_at=0)


def record_as_earlier(platform: Platform, run: str, split: str) -> None:
    """Sum a split up as an evaluator of an earlier version does."""
    scores = summary(0, platform.checkpoints.load(run, 0).phi_hash, [EARLIER] * 2)
    platform.record.save_scores(run, split, 0, scores)


def test_chunks_of_an_earlier_evaluator_are_its_own(platform: Platform, run: str) -> None:
    # Given a run of which an earlier evaluator has scored a chunk
    platform.exchange.publish_scores(run, "validation", 0, 0, EARLIER.to_bytes())
    # If an evaluator of today scores both
    judge(platform, run, "validation")
    # I expect its own scores to be summed up, and the earlier one's to be left to it.
    assert len(platform.record.scores(run, "validation", 0)["by_inner_steps"]) > 1
    assert list(platform.exchange.scores(run, "validation", 0)) == [0]


def test_a_validation_by_an_earlier_evaluator_chooses_nothing(platform: Platform, run: str) -> None:
    # Given a run that an earlier evaluator validated, if it is tested by one of today
    record_as_earlier(platform, run, "validation")
    judge(platform, run, "test")
    # I expect the learner's own number to be taken, and the report to say that none was chosen.
    assert platform.record.status(run) == "complete"
    report = platform.record.report(run)
    assert report["test"]["inner_steps"] == platform.run(run).spec.learner.inner_steps_evaluation
    assert report["inner_steps"] is None


def test_a_test_by_an_earlier_evaluator_is_not_of_the_chosen_number(platform: Platform, run: str) -> None:
    # Given a run that was validated by an evaluator of today and tested by an earlier one
    judge(platform, run, "validation")
    record_as_earlier(platform, run, "test")
    # I expect the report not to say that a number was chosen.
    assert build_report(platform, platform.run(run), 0)["inner_steps"] is None
