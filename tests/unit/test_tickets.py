"""Which tickets there are when: every job of every version, each once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiforge.base.errors import FormatError
from phiforge.runs.commit_log import Work, works_of
from phiforge.runs.consistency.bounded_staleness.rules import BoundedStalenessRules, from_json, to_extras
from phiforge.runs.steps import Ticket
from phiforge.spec.run import RunSpec


def rules_of(staleness=2, versions=9, jobs=3):
    outer = {"versions": versions, "meta_batch": jobs, "job_size": 1}
    spec = RunSpec.model_validate({"consistency": "bounded_staleness", "staleness": staleness, "outer": outer})
    return BoundedStalenessRules(spec)


@given(st.integers(0, 5), st.integers(1, 12), st.integers(1, 4), st.integers(0, 11), st.randoms(use_true_random=False))
def test_every_ticket_is_used_once(staleness, versions, jobs, start, random):
    # Given a run that starts anywhere, and contributions that come in any order
    rules, start = rules_of(staleness, versions, jobs), min(start, versions)
    used, extras = [], {}
    for head in range(start, versions):
        tickets = rules.open_at(head, extras)
        # I expect enough tickets for a version at each, none of a version too far ahead,
        assert len(tickets) == min(staleness + 1, versions - head) * jobs
        assert max(tickets).version <= head + staleness
        chosen = random.sample(tickets, jobs)
        extras = rules.extras_after(head, extras, chosen)
        used += chosen
    # and at the end each used once, none left.
    assert sorted(used) == [(version, job) for version in range(start, versions) for job in range(jobs)]
    assert rules.open_at(versions, extras) == []


def test_a_version_opens_those_that_it_lets_work_ahead():
    # Given a staleness of 2, I expect a head to open the jobs of two versions on, while there are any.
    assert rules_of().opened_by(3) == [(5, 0), (5, 1), (5, 2)]
    assert rules_of().opened_by(7) == []


def test_late_tickets_are_sent_again_now_and_then():
    # Given a ticket of version 1 that never comes
    sent = [head for head in range(12) if rules_of().overdue(head, [Ticket(1, 0), Ticket(head, 1)])]
    # I expect it to be sent again once what comes of its first message would be too stale, and from then on so often.
    assert sent == [4, 7, 10]


def test_a_log_says_what_was_used():
    # Given an entry of a run with tickets, I expect what it says;
    job = {"episodes": "e", "contribution": "c", "version": 4, "job": 2, "phi_version": 3}
    assert works_of({"version": 6, "jobs": [job]}, 1) == [Work(4, 2, 3)]
    # of any other, the jobs of the version before.
    plain = {"episodes": "e", "contribution": "c"}
    assert works_of({"version": 6, "jobs": [plain, plain]}, 2) == [Work(5, 0, 5), Work(5, 1, 5)]


def test_json_there_and_back():
    # Given tickets as JSON, I expect them back, and an error for anything else.
    tickets = (Ticket(1, 0), Ticket(2, 3))
    assert from_json(to_extras(tickets)["tickets"]) == tickets
    for damaged in ("tickets", [[1]], [1, 2], None):
        with pytest.raises(FormatError):
            from_json(damaged)
