"""Runs that are judged take turns at an evaluator: few chunks of each are on the queue at a time."""

from collections import deque

import pytest

from phiforge.fleet.platform import Platform
from phiforge.fleet.roster import Roster
from phiforge.runs.reconcile import reconcile
from phiforge_client.submission import submit
from phiforge_client.view import view_of
from phiforge_evaluator.chunk import Evaluator
from phiforge_sampler.service import Sampler
from phiforge_trainer.worker import Trainer
from tests.badinput.conftest import waves

pytestmark = pytest.mark.services

CHUNKS, LANES = 30, 2
Message = tuple[str, str, int, int]


@pytest.fixture
def queue(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> deque[Message]:
    """The evaluation queue of a fleet with one evaluator: first in, first out."""
    platform.settings = platform.settings.model_copy(update={"stall_seconds": 0.001})
    Roster.of(platform, "evaluation").beat()
    messages: deque[Message] = deque()
    monkeypatch.setattr(platform.queue, "evaluate", lambda *message: messages.append(message))
    return messages


def submitted(platform: Platform, chunks: int, **outer: int) -> str:
    """Submit a run whose φ₀ is judged in so many chunks, with the episodes of all."""
    changes = {"validation_tasks": 2 * chunks, "test_tasks": 2 * chunks, **outer}
    run = submit(platform, waves(evaluation=changes, outer={"versions": 4}))
    for chunk in range(chunks):
        for split in ("validation", "test"):
            Sampler(platform).sample_evaluation(run, split, chunk, sent_at=0)
    return run


def take(platform: Platform, queue: deque[Message]) -> Message:
    message = queue.popleft()
    Evaluator(platform).handle(*message, sent_at=0)
    return message


def test_a_quick_run_is_judged_within_a_few_chunks(platform: Platform, queue: deque[Message]) -> None:
    # Given one evaluator, a run that takes many chunks, and another that comes after it and takes few
    slow, quick = submitted(platform, CHUNKS), submitted(platform, 2)
    assert [run for run, *_ in queue] == [slow] * LANES + [quick] * 2
    # If messages are served in order, I expect the quick one to be judged within a few chunks of the slow one,
    taken = 0
    while not platform.record.scored(quick, "validation"):
        take(platform, queue)
        taken += 1
    assert taken <= 2 * (LANES + 1)
    # never more of the slow one to wait than its lanes, and each of its chunks to be scored once.
    order: list[int] = []
    while queue:
        assert len(queue) <= LANES
        order.append(take(platform, queue)[3])
    assert len(order) + LANES == CHUNKS
    assert platform.record.scores(slow, "validation", 0)["tasks"] == 2 * CHUNKS


def test_lost_messages_do_not_stall_it(platform: Platform, queue: deque[Message]) -> None:
    # Given a run that is judged, of which some messages are lost, now and then all
    run, served = submitted(platform, CHUNKS), 0
    while not platform.record.scored(run, "validation"):
        if served % 5 == 4:
            queue.clear()
        if not queue:
            reconcile(platform, run)
        take(platform, queue)
        served += 1
        assert served <= 2 * CHUNKS
    # I expect it to be judged all the same.
    assert platform.record.scores(run, "validation", 0)["tasks"] == 2 * CHUNKS


def test_scores_do_not_depend_on_the_order(platform: Platform, queue: deque[Message]) -> None:
    # Given one run twice, judged in turns and chunk by chunk, I expect the same scores.
    turns, straight = submitted(platform, 5), submitted(platform, 5)
    for chunk in range(5):
        Evaluator(platform).handle(straight, "validation", 0, chunk, sent_at=0)
    while queue:
        take(platform, queue)
    assert platform.record.scores(turns, "validation", 0) == platform.record.scores(straight, "validation", 0)


def test_one_version_at_a_time(platform: Platform, queue: deque[Message]) -> None:
    # Given a run that is trained to its end before anybody judges it
    run = submitted(platform, 3, every=1)
    for version in range(4):
        Sampler(platform).sample_training(run, version, sent_at=0)
        for job in range(3):
            Trainer(platform).handle(run, version, job, sent_at=0)
    # I expect only what is due first on the queue, the view to say how far that is,
    assert [message[1:] for message in queue] == [("validation", 0, 0), ("validation", 0, 1)]
    take(platform, queue)
    assert view_of(platform, run).status == "evaluating 2/6"
    # and all to be judged in the end, to the report.
    queue.extend(queue)  # twice, which must not become ever more
    while queue:
        take(platform, queue)
        assert len(queue) <= 3 * LANES
    assert platform.record.scored(run, "validation") == [0, 1, 2, 3, 4]
    assert platform.record.status(run) == "complete"
