"""Measures the points of an axis: a process each, which take turns, so that what else the machine does befalls all."""

import statistics
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks.curves.axes import Axis, Point, points, raw_spec
from benchmarks.curves.fit import Fit, fitted
from benchmarks.curves.job import Turn, Work, Worker
from benchmarks.operations import operations
from benchmarks.page import say
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.learning.tensors import encode
from phiforge.runs.datasets import prepare
from phiforge.runs.learners import initial_phi
from phiforge.tasks.episodes import EpisodeBatch
from phiforge_client.episodes import TrainingEpisodes
from phiforge_client.submission import checked_record


class Moved(NamedTuple):
    """Bytes of one job: its file of episodes, what that unpacks to, φ, and the contribution."""

    episodes: int
    unpacked: int
    phi: int
    contribution: int

    @property
    def total(self) -> int:
        """What passes over the wires for a worker that has not got φ yet."""
        return self.episodes + self.phi + self.contribution


class Measured(NamedTuple):
    """One point: its turns, its place on the axis, memory before the first job and at most, and bytes.

    ``convolving``: milliseconds of a job that are convolutions.
    """

    point: Point
    engine: str
    work: float
    turns: list[Turn]
    idle: int
    peak: int
    moved: Moved
    convolving: float

    @property
    def cpu(self) -> float:
        """Milliseconds of the processor a job, the median of turns."""
        return statistics.median(each.cpu for each in self.turns)

    @property
    def memory(self) -> int:
        """Bytes of memory that the job took beyond what the process held before."""
        return max(1, self.peak - self.idle)

    @property
    def speed(self) -> float:
        """Operations of convolutions a second of the processor, whatever else was done in it."""
        return 1000 * self.point.values["job_size"] * operations(self.point.shape) / self.cpu


class Curve(NamedTuple):
    """What one learner costs along one axis, and how straight that is."""

    axis: Axis
    learner: str
    measured: list[Measured]
    cpu: Fit
    memory: Fit
    moved: Fit


class Plan(NamedTuple):
    """How everything is measured: by which engine, in how many rounds of turns of how many seconds; quick: small."""

    engine: str = "auto"
    rounds: int = 5
    seconds: float = 0.5
    quick: bool = False


class Bench:
    """A place for datasets, from which jobs are made and measured."""

    def __init__(self, home: Path, plan: Plan, drawings: int) -> None:
        self.platform = Platform.open(Settings(home=home, redis_url="", store_url=""))
        self.plan, self.drawings = plan, drawings

    def compile(self, axis: Axis) -> None:
        """Let a process that does not count compile what others then read from disk."""
        worker = Worker(self._work(next(points(axis, quick=True))))
        worker.ready()
        worker.close()

    def curves(self, axis: Axis) -> list[Curve]:
        """Return the curves of an axis, one a learner."""
        found = self._measured(list(points(axis, quick=self.plan.quick)))
        return [curve(axis, name, [each for each in found if each.point.learner == name]) for name in axis.learners]

    def _measured(self, wanted: list[Point]) -> list[Measured]:
        works = [self._work(point) for point in wanted]
        workers = [Worker(work) for work in works]
        try:
            ready = [worker.ready() for worker in workers]
            for number in range(self.plan.rounds):
                say(f"{wanted[0].axis.name}: round {number + 1} of {self.plan.rounds}")
                for worker in workers:
                    worker.turn()
            convolving = [worker.convolving() for worker in workers]
        finally:
            for worker in workers:
                worker.close()
        found = []
        for point, work, worker, first, within in zip(wanted, works, workers, ready, convolving, strict=True):
            moved = moved_by(work, first.contribution)
            place = point.axis.work_of(point.values, parameters(work))
            engine = work.record.spec.numerics.settled_engine
            found.append(Measured(point, engine, place, worker.turns, first.idle, worker.peak, moved, within))
        return found

    def _work(self, point: Point) -> Work:
        """Return the job of a point: an episode file as the sampler writes it, and φ₀."""
        platform = self.platform
        facts = partial(prepare, settings=platform.settings, store=platform.store, progress=None)
        record = checked_record(raw_spec(point, self.plan.engine, self.drawings), facts, "cpu")
        episodes = TrainingEpisodes(platform, record).file(0, 0)
        return Work(record, encode(initial_phi(record)), episodes, self.plan.seconds)


def measured(axes: Sequence[Axis], plan: Plan) -> list[Curve]:
    """Return the curves of all ``axes``."""
    wanted = [point for axis in axes for point in points(axis, quick=plan.quick)]
    drawings = max(point.values["k_shot"] + point.values["n_query"] for point in wanted)
    with tempfile.TemporaryDirectory() as home:
        bench = Bench(Path(home), plan, drawings)
        bench.compile(axes[0])
        return [each for axis in axes for each in bench.curves(axis)]


def curve(axis: Axis, learner: str, found: list[Measured]) -> Curve:
    """Return a curve of its points, in order."""
    work = [each.work for each in found]
    costs = ([each.cpu for each in found], [each.memory for each in found], [each.moved.total for each in found])
    return Curve(axis, learner, found, *(fitted(work, cost) for cost in costs))


def moved_by(work: Work, contribution: int) -> Moved:
    """Return the bytes of a job."""
    batch = EpisodeBatch.from_bytes(work.episodes)
    unpacked = sum(array.nbytes for array in vars(batch).values() if array is not None)
    return Moved(len(work.episodes), unpacked, len(work.phi), contribution)


def parameters(work: Work) -> int:
    """Return how many numbers φ is."""
    return sum(value.numel() for value in initial_phi(work.record).values())
