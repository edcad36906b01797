"""Guesses of the next job: right ones are used, wrong ones cost nothing but a read."""

from types import SimpleNamespace

from phiforge.runs.outcomes import NotReadyError, Outcome
from phiforge.runs.reading import Read
from phiforge_trainer.prefetcher import Prefetcher

JOBS = 4


def record_of(run="run", versions=10, consistency="synchronous", jobs=JOBS):
    outer = SimpleNamespace(jobs=jobs, versions=versions)
    return SimpleNamespace(run=run, spec=SimpleNamespace(outer=outer, consistency=consistency))


class Storage:
    """Episodes named by where they were asked for; counts what was read."""

    def __init__(self, missing=()):
        self.missing, self.asked = set(missing), []

    def read(self, record, version, job):
        self.asked.append((version, job))
        if (version, job) in self.missing:
            raise NotReadyError(Outcome.WAITING)
        return Read([], f"{record.run}/{version}/{job}")


def taken(storage, jobs, record=None):
    """Take (version, job, place of its contribution) as a trainer does; say what was read ahead for each."""
    record, prefetcher = record or record_of(), Prefetcher(storage.read)
    found = []
    for version, job, count in jobs:
        read = prefetcher.take(record, version, job)
        found.append(read.digest if read else None)
        prefetcher.prefetch_after(record, version, job)
        prefetcher.prefetch_next_version(record, version, count)
    prefetcher.close()
    return found


def test_a_trainer_alone_reads_every_job_ahead():
    # Given one trainer, which takes jobs in order, I expect each but the first to be there before it is asked for.
    jobs = [(version, job, job + 1) for version in range(3) for job in range(JOBS)]
    assert taken(Storage(), jobs) == [None, *(f"run/{version}/{job}" for version, job, _ in jobs[1:])]


def test_of_two_trainers_each_reads_every_second_job_ahead():
    # Given a trainer that takes every second job, I expect it to see that with the second, and, once it has been
    # wrong, to hold back for a while, and then to be right.
    found = taken(Storage(), [(version, job, job + 1) for version in range(9) for job in (1, 3)])
    assert found[:2] == [None, None]
    assert found[-5:] == [f"run/{version}/{job}" for version, job in [(6, 3), (7, 1), (7, 3), (8, 1), (8, 3)]]


def test_of_two_trainers_and_two_jobs_each_has_its_own():
    # Given one of two trainers, whose place in a version is another each time
    places = [1, 2, 2, 1, 1, 2, 1, 2, 2, 1, 1, 2, 1, 2, 1, 2, 2, 1, 1, 2]
    jobs = [(version, 1, place) for version, place in enumerate(places)]
    # I expect it to read its own job of the next version ahead, once it has seen that they are two,
    storage, record = Storage(), record_of(versions=len(places), jobs=2)
    found = taken(storage, jobs, record)
    assert found[-10:] == [f"run/{version}/{job}" for version, job, _ in jobs[-10:]]
    # each once.
    assert len(storage.asked) == len(set(storage.asked))


def test_of_three_trainers_and_three_jobs_each_knows_its_next_by_its_place():
    # Given one of three trainers that share three jobs a version: those that are done first are served first, and who
    # is last commits and keeps the last job
    places = [1, 3, 2, 1, 1, 2, 3, 2, 2, 1, 1, 3, 1, 2, 3, 2, 3, 1, 1, 2]
    jobs = [(version, (places[version - 1] if version else 1) - 1, place) for version, place in enumerate(places)]
    # I expect it to read the right one ahead, however they overtake each other, once it has seen that they are three.
    found = taken(Storage(), jobs, record_of(versions=len(places), jobs=3))
    assert found[-10:] == [f"run/{version}/{job}" for version, job, _ in jobs[-10:]]


def kept(trainers, jobs, at):
    """Return which job of version 1 a trainer keeps that did every so many-th of version 0, the last of them ``at``."""
    prefetcher, record = Prefetcher(Storage().read), record_of(jobs=jobs)
    for job in range(at % trainers, at + 1, trainers):
        prefetcher.prefetch_after(record, 0, job)
    prefetcher.close()
    return prefetcher.job_to_keep(record, 1)


def test_who_commits_keeps_what_it_reads_ahead():
    # Given one trainer, I expect it to keep the first job; of two the one that leaves the other its own;
    assert kept(1, 4, at=3) == 0
    assert [kept(2, 8, at=6), kept(2, 8, at=7)] == [0, 1]
    assert [kept(2, 7, at=5), kept(2, 7, at=6)] == [0, 1]
    # of more the job of who began to wait last.
    assert [kept(3, 9, at=job) for job in (6, 7, 8)] == [2, 2, 2]
    # One who did not go on to a version is at nothing of it.
    assert kept(2, 8, at=3) == 1


def test_where_steps_do_not_wait_the_next_job_may_be_the_next_versions():
    # Given a trainer of two, in a run with tickets, which takes every second of them across versions
    jobs = [divmod(number, JOBS) for number in range(1, 40, 2)]
    found = taken(Storage(), [(*each, 0) for each in jobs], record_of(consistency="bounded_staleness"))
    # I expect the last ones to be read ahead.
    assert found[-5:] == [f"run/{version}/{job}" for version, job in jobs[-5:]]


def test_what_is_missing_or_another_jobs_is_not_used():
    # Given episodes that are not there yet, and a job that nobody expected
    storage = Storage(missing={(0, 1)})
    # I expect nothing in their place,
    assert taken(storage, [(0, 0, 1), (0, 1, 2), (1, 3, 1)]) == [None, None, None]
    # and nothing read past the last version.
    storage = Storage()
    taken(storage, [(0, JOBS - 1, JOBS)], record_of(versions=1))
    assert storage.asked == []


def test_another_run_is_another_run():
    # Given jobs of two runs by turns, I expect no episodes of one for the other.
    prefetcher = Prefetcher(Storage().read)
    prefetcher.prefetch_after(record_of("one"), 0, 0)
    assert prefetcher.take(record_of("other"), 0, 1) is None
    prefetcher.close()
