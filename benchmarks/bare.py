"""Bare processes that compute the gradients of a run's jobs and nothing else: what a pipeline is measured against."""

import multiprocessing
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import NamedTuple, Self

import torch

from phiforge.base.settings import Settings
from phiforge.fleet.memory import keep_freed_memory
from phiforge.fleet.platform import Platform
from phiforge.learning.estimators import Step
from phiforge.learning.estimators.bases.local_steps import estimator_of
from phiforge.learning.repeatable import repeat_exactly
from phiforge.runs.keys import training_episodes_key
from phiforge.runs.learners import learner_of
from phiforge.tasks.episodes import EpisodeBatch

_PATIENCE_SECONDS = 300.0
_CONTEXT = multiprocessing.get_context("spawn")


class Spent(NamedTuple):
    """Seconds of the clock, and those of all processes' cores together."""

    seconds: float
    core_seconds: float


@dataclass(frozen=True)
class Place:
    """Which of how many processes one is, and where it meets whoever measures, and the others alone."""

    index: int
    count: int
    start_and_end: Barrier
    among_them: Barrier


class BareProcesses:
    """As many processes as trainers, which wait until they are given versions of a run to compute."""

    def __init__(self, settings: Settings, count: int) -> None:
        self._barrier, self._among_them = _CONTEXT.Barrier(count + 1), _CONTEXT.Barrier(count)
        places = [Place(index, count, self._barrier, self._among_them) for index in range(count)]
        pipes = [_CONTEXT.Pipe() for _ in range(count)]
        self._here = [here for here, _ in pipes]
        self._processes = [
            _CONTEXT.Process(target=_serve, args=(settings, place, there), daemon=True)
            for place, (_, there) in zip(places, pipes, strict=True)
        ]

    def __enter__(self) -> Self:
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, *_: object) -> None:
        for here, process in zip(self._here, self._processes, strict=True):
            here.close()
            process.join(_PATIENCE_SECONDS)

    def compute(self, run: str, versions: range, in_step: bool = False) -> Spent:
        """Return what the jobs of ``versions`` took, of which ``run`` must have kept the episodes.

        These are in memory before the clock starts, and nothing is written. ``in_step`` they wait for each other after
        every version, as synchronous trainers must, but for nothing else.
        """
        for here in self._here:
            here.send((run, versions, in_step))
        self._barrier.wait(_PATIENCE_SECONDS)
        start = time.perf_counter()
        self._barrier.wait(_PATIENCE_SECONDS)
        seconds = time.perf_counter() - start
        return Spent(seconds, sum(here.recv() for here in self._here))


def _serve(settings: Settings, place: Place, asked: Connection) -> None:
    """Compute what is asked for until nobody asks any more."""
    keep_freed_memory()
    repeat_exactly()
    platform = Platform.open(settings)
    while True:
        try:
            run, versions, in_step = asked.recv()
        except EOFError:
            return
        asked.send(_compute(platform, run, versions, place, in_step=in_step))


def _compute(platform: Platform, run: str, versions: range, place: Place, *, in_step: bool) -> float:
    """Compute every ``count``-th job of each version from φ₀, from the ``index``-th on; return the core's seconds."""
    record = platform.run(run)
    spec = record.spec
    torch.set_num_threads(spec.numerics.threads)
    learner, estimator = learner_of(record, spec.task), estimator_of(spec)
    phi = platform.checkpoints.load(run, 0).phi
    jobs = range(spec.outer.jobs)[place.index :: place.count]
    batches = {
        (version, job): EpisodeBatch.from_bytes(platform.store.get(training_episodes_key(run, version, job)))
        for version in versions
        for job in jobs
    }

    def contribute(version: int) -> None:
        for job in jobs:
            estimator.contribute(learner, phi, list(batches[version, job].episodes()), Step(spec, version), job)

    contribute(versions[0])  # which warms up
    place.start_and_end.wait(_PATIENCE_SECONDS)
    start = time.process_time()
    for version in versions:
        contribute(version)
        if in_step:
            place.among_them.wait(_PATIENCE_SECONDS)
    used = time.process_time() - start
    place.start_and_end.wait(_PATIENCE_SECONDS)
    return used
