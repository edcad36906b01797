"""The record of every run in object storage: which key holds what, and how it is written.

Nothing here needs tensors, nor what a spec means unless ``run`` is asked: who only looks at runs starts at once.
"""

from collections.abc import Iterable, Iterator

from phiforge.base.errors import MissingObjectError, RunError
from phiforge.runs.commit_log import Entry
from phiforge.runs.keys import key_of, submitted_key, training_episodes_key
from phiforge.runs.recorded.ends import Ends, RunStatus
from phiforge.runs.recorded.scores import Scores
from phiforge.runs.recorded.segments import Segments
from phiforge.runs.recorded.sidecars import Extras, Sidecars, extras_of
from phiforge.runs.sealed import parse, seal, whole
from phiforge.runs.submitted import RunRecord, Submitted, read_run, read_submitted, to_json

__all__ = ["Extras", "Record", "RunStatus", "extras_of"]


class Record(Ends, Sidecars, Segments, Scores):
    """Reads and writes what must survive: everything here outlives Redis and every process."""

    def create(self, record: RunRecord) -> None:
        """Write a new run down; raises RunError if its id is taken."""
        key = submitted_key(record.run)
        if not self.store.put_if_absent(key, seal(key, to_json(record))):
            raise RunError(f"run {record.run!r} exists already")

    def submitted(self, run: str) -> Submitted:
        """Read what was submitted as ``run``, without reading its spec.

        Raises RunError if there is no such run, FormatError if it is damaged, and IncapableWorkerError if a newer
        version of this code recorded it.
        """
        try:
            key = submitted_key(run)
            fields = parse(key, self.store.get(key))
            submitted = read_submitted(run, fields)
            whole(key, fields)  # after that: what a newer version recorded is left to it
            return submitted
        except MissingObjectError as error:
            raise RunError(f"there is no run {run!r} in {self.store.url}") from error

    def run(self, run: str) -> RunRecord:
        """Read what was submitted as ``run``, its spec too; raises as ``submitted``.

        Raises IncapableWorkerError too if the spec names a part that is not installed here.
        """
        found = read_run(self.submitted(run))
        from phiforge.runs.weights import offer_weights  # needs torch, which whoever only lists runs must not pay for

        offer_weights(found.spec, self.store)
        return found

    def runs(self) -> list[str]:
        """Return the ids of all runs ever submitted, in order of id."""
        keys = self.store.list("submitted/")
        return [key.removeprefix("submitted/").removesuffix(".json") for key in keys]

    def is_submitted(self, run: str) -> bool:
        """Say whether there is such a run."""
        return self.store.exists(submitted_key(run))

    def log_entry(self, run: str, version: int) -> Entry:
        """Return the log's entry of ``version``; raises RunError, with what there is, if it is not written yet."""
        for entry in self.log(run, version - 1, version):
            return entry
        raise RunError(
            f"the commit log of run {run!r} has no version {version} (entries are written with the next checkpoint); "
            f"allowed: {self.submitted(run).first_version + 1} to {self.checkpoints(run)[-1]}"
        )

    def training_episodes(self, run: str) -> Iterator[tuple[int, str]]:
        """Yield the version and the key of all training episodes that are there."""
        for key in self.store.list(key_of(run, "episodes/")):
            yield int(key.split("/")[-2]), key

    def missing_episodes(self, run: str, version: int, jobs: Iterable[int]) -> list[int]:
        """Return those of ``jobs`` whose training episodes of ``version`` are not there: one request, however many."""
        there = set(self.store.list(key_of(run, "episodes", f"{version:08d}/")))
        return [job for job in jobs if training_episodes_key(run, version, job) not in there]
