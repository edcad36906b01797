"""Episodes read before their job comes: the wait for storage hides behind the arithmetic and the waits for others."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from phiforge.base.errors import PhiforgeError
from phiforge.base.metrics import READ_AHEAD
from phiforge.runs.consistency.chosen import consistency_of
from phiforge.runs.reading import Read
from phiforge.runs.submitted import RunRecord

Reader = Callable[[RunRecord, int, int], Read]
"""Returns the episodes of a version's job at once, or raises."""

_NO_CROWD = 2
"""Trainers that do not get in each other's way: what one of them keeps tells the other what is left."""

_RETRY_AFTER = 8
"""Jobs after which a guess is made again, once one was wrong: with many trainers most are, and each costs a read."""


class Prefetcher:
    """Guesses which job this trainer takes next, and reads its episodes in a thread.

    Trainers take jobs from one queue in turn, so the distance between the last two, which is how many trainers there
    are, is a good guess for the next. Where versions wait for all of their jobs, whoever commits one keeps a job of the
    next: of two trainers the one that it guesses, which leaves the other its own. Of more, the others get their jobs in
    the order in which they began to wait, so that the place of a contribution among the others tells the next job. A
    wrong guess costs a read, never correctness: episodes are what they are, whoever reads them when.
    """

    def __init__(self, read: Reader) -> None:
        self._read = read
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
        self._last: tuple[str, int] = ("", 0)
        self._distance, self._only = 1, False
        self._guess: tuple[str, int] | None = None
        self._found: Future[Read | None] | None = None
        self._quiet = 0

    def take(self, record: RunRecord, version: int, job: int) -> Read | None:
        """Return a job's episodes if they were read ahead."""
        if self._found is None:
            return None
        found, guess = self._found, self._guess
        self._found = self._guess = None
        if guess != (record.run, _number(record, version, job)):
            self._quiet = _RETRY_AFTER
            READ_AHEAD.labels(outcome="wrong").inc()
            return None
        read = found.result()
        READ_AHEAD.labels(outcome="used" if read else "missing").inc()
        return read

    def prefetch_after(self, record: RunRecord, version: int, job: int) -> None:
        """Begin to read, while this job is computed, for the one that probably comes after it."""
        number, in_step = _number(record, version, job), consistency_of(record.spec).in_step
        self._note(record, number, in_step)
        self._quiet -= 1
        after = number + self._distance
        if not in_step or self._distance <= _NO_CROWD or after // record.spec.outer.jobs == version:
            self._begin(record, after)

    def prefetch_next_version(self, record: RunRecord, version: int, count: int) -> None:
        """Begin to read for the next version's job that is probably ours, whose contribution was the ``count``-th."""
        jobs = record.spec.outer.jobs
        place = count - 1 - (jobs - min(self._distance, jobs))
        if self._found is None and place >= 0:
            self._begin(record, (version + 1) * jobs + place)

    def job_to_keep(self, record: RunRecord, version: int) -> int:
        """Return which job of ``version`` this trainer keeps if it committed it: what it guessed, else its place's."""
        jobs, (run, last) = record.spec.outer.jobs, self._last
        after = divmod(last + self._distance, jobs)
        if self._distance <= _NO_CROWD and (run, after[0]) == (record.run, version):
            return after[1]
        return min(self._distance, jobs) - 1

    def _note(self, record: RunRecord, number: int, in_step: bool) -> None:
        """Keep the distance between two jobs, which is how many trainers there are: of one version, if steps wait."""
        jobs, (run, last) = record.spec.outer.jobs, self._last
        together = run == record.run and (not in_step or last // jobs == number // jobs)
        if together:
            self._distance = max(1, number - last)
        elif self._only:
            self._distance = jobs
        self._last, self._only = (record.run, number), not together

    def _begin(self, record: RunRecord, number: int) -> None:
        version, job = divmod(number, record.spec.outer.jobs)
        if self._quiet >= 0 or version >= record.spec.outer.versions:
            return
        self._guess = (record.run, number)
        self._found = self._thread.submit(self._try, record, version, job)

    def close(self) -> None:
        """Wait for what is being read, and end the thread."""
        self._thread.shutdown()

    def _try(self, record: RunRecord, version: int, job: int) -> Read | None:
        try:
            return self._read(record, version, job)
        except PhiforgeError:
            return None  # whoever needs them will see


def _number(record: RunRecord, version: int, job: int) -> int:
    return version * record.spec.outer.jobs + job
