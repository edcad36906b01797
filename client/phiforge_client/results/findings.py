"""What the record says of one run, gathered for whoever wants to look at it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from phiforge.base.canonical import canonical_json
from phiforge.base.errors import MissingObjectError, RunError
from phiforge.registry import DATA
from phiforge.runs.commit_log import OBSERVED, Entry
from phiforge.runs.platform import RunPlatform
from phiforge.runs.record import RunStatus
from phiforge.runs.submitted import Submitted

Scores = Mapping[str, Any]


class Point(NamedTuple):
    """A φ and how it did: after how many ``tasks`` and ``minutes`` of training, None if nobody noted the time."""

    tasks: int
    minutes: float | None
    scores: Scores


class Cost(NamedTuple):
    """What a run took: minutes from its first job to its last commit, and seconds of computing by worker."""

    minutes: float
    compute_seconds: Mapping[str, float]

    @property
    def all_seconds(self) -> float:
        """Seconds of computing of all workers together."""
        return sum(self.compute_seconds.values())


class Findings(NamedTuple):
    """One run: what was submitted, and what came of it.

    Args:
        submitted: what was submitted.
        status: how it stands.
        report: the final report; None as long as there is none.
        training: every version's mean scores on the query sets that it was learned from.
        validation: the versions that were judged on validation tasks.
        test: scores on test tasks, with those of every task under ``per_task``; None as long as there are none.
        cost: what it took.
    """

    submitted: Submitted
    status: RunStatus
    report: Scores | None
    training: Sequence[Point]
    validation: Sequence[Point]
    test: Scores | None
    cost: Cost

    @property
    def run(self) -> str:
        """The run's id."""
        return self.submitted.run

    @property
    def best(self) -> Point | None:
        """The version that the test scores are of, as it was validated."""
        version = self.test["version"] if self.test else None
        return next((point for point in self.validation if point.scores["version"] == version), None)


def findings(platform: RunPlatform, run: str) -> Findings:
    """Return what is known of ``run``; raises RunError if there is no such run, or none of it was judged yet."""
    submitted, record = platform.record.submitted(run), platform.record
    entries = list(record.log(run))
    begun = _begun(entries)
    minutes = {entry["version"]: _minutes(entry, begun) for entry in entries}
    minutes[submitted.first_version] = 0.0
    judged = [record.scores(run, "validation", version) for version in record.scored(run, "validation")]
    if not judged:
        raise RunError(f"run {run!r} has no scores yet; `phiforge watch {run}` shows when it has")

    def point(version: int, scores: Scores) -> Point:
        return Point(tasks_at(submitted, version), minutes.get(version), scores)

    return Findings(
        submitted=submitted,
        status=record.status(run),
        report=_report(platform, run),
        training=[point(entry["version"], entry) for entry in entries],
        validation=[point(scores["version"], scores) for scores in judged],
        test=next((record.scores(run, "test", version) for version in record.scored(run, "test")), None),
        cost=_cost(entries, begun),
    )


def deciding_score(found: Sequence[Findings]) -> str:
    """Return the score by which runs are told apart: accuracy, the return of runs that act, or the loss.

    It is one that all have: the loss where some act and others do not.

    Raises MissingPartError if their data is of a package that is not installed here.
    """
    by = {DATA[run.submitted.spec["data"]["name"]].chooses_by for run in found}
    if by == {"mean_return"}:
        return "mean_return"
    return "accuracy" if "accuracy" in by and "mean_return" not in by else "loss"


def judged_by(run: Findings) -> str:
    """Return what names the test tasks of a run: two of the same name were judged by the same tasks."""
    evaluation = dict(run.submitted.spec.get("evaluation", {}))
    chosen = {name: evaluation.get(name) for name in ("seed", "chunk_size", "test_tasks")}
    task = evaluation.get("task") or run.submitted.spec.get("task")
    noise = evaluation.get("label_noise", run.submitted.spec.get("sampling", {}).get("label_noise"))
    named = {"dataset": run.submitted.dataset, "task": task, **chosen}
    return canonical_json(named | ({"label_noise": noise} if noise else {})).decode()


def tasks_at(submitted: Submitted, version: int) -> int:
    """Return how many tasks φ of ``version`` was learned from, those of a branch's parent included."""
    before = submitted.parent.tasks if submitted.parent else 0
    return before + (version - submitted.first_version) * submitted.tasks


def _report(platform: RunPlatform, run: str) -> Scores | None:
    try:
        return platform.record.report(run)
    except MissingObjectError:
        return None


def _begun(entries: Sequence[Entry]) -> float:
    """Return when the first version's jobs began, as a Unix time by its committer's clock."""
    if not entries:
        return 0.0
    observed = entries[0][OBSERVED]
    return float(observed["committed_at"]) - max((job["compute_seconds"] for job in observed["jobs"]), default=0.0)


def _minutes(entry: Entry, begun: float) -> float:
    return max(0.0, float(entry[OBSERVED]["committed_at"]) - begun) / 60


def _cost(entries: Sequence[Entry], begun: float) -> Cost:
    seconds: dict[str, float] = {}
    for worker, spent in _spent(entries):
        seconds[worker] = seconds.get(worker, 0.0) + spent
    return Cost(_minutes(entries[-1], begun) if entries else 0.0, dict(sorted(seconds.items())))


def _spent(entries: Sequence[Entry]) -> Iterator[tuple[str, float]]:
    for entry in entries:
        for job in entry[OBSERVED]["jobs"]:
            yield str(job["worker"]), float(job["compute_seconds"])
