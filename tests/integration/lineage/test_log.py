"""The log says what each version was made of, and is the same for the same spec."""

import pytest

from phiforge.fleet.platform import Platform
from phiforge.runs.keys import training_episodes_key
from phiforge.tasks.episodes import digest_of
from tests.integration.lineage.runs import JOBS, VERSIONS, log_of, move

pytestmark = pytest.mark.services


def test_an_entry_says_what_a_version_was_made_of(platform: Platform, trained: str) -> None:
    # Given a run whose training is over, I expect each entry to name what went in and what came out,
    entries = list(platform.record.log(trained))
    assert [entry["version"] for entry in entries] == list(range(1, VERSIONS + 1))
    before = platform.checkpoints.load(trained, 0).phi_hash
    for entry in entries:
        assert entry["spec_hash"] == platform.run(trained).spec_hash
        assert entry["phi_hash_before"] == before
        before = entry["phi_hash"]
        for job in range(JOBS):
            data = platform.store.get(training_episodes_key(trained, entry["version"] - 1, job))
            assert entry["jobs"][job]["episodes"] == digest_of(data)
        # and who made it, and when, apart from that.
        assert entry["observed"]["committed_by"].startswith("training-")
        assert entry["observed"]["committed_at"] > platform.run(trained).created_at
        assert [set(job) for job in entry["observed"]["jobs"]] == [{"worker", "compute_seconds"}] * JOBS
        assert all(0 < job["compute_seconds"] < 60 for job in entry["observed"]["jobs"])
    assert before == platform.checkpoints.load(trained, VERSIONS).phi_hash


def test_two_runs_of_one_spec_have_equal_logs(platform: Platform, trained: str, run: str) -> None:
    # Given the same spec run again
    move(platform, run, 3)
    # I expect the same entries, but for who worked and when.
    assert log_of(platform, run) == log_of(platform, trained)[:3]
    assert list(platform.record.log(run)) != list(platform.record.log(trained))[:3]
