"""Bare processes that compute the gradients of a run's jobs and nothing else: what a pipeline is measured against."""

import multiprocessing
import time
from multiprocessing.synchronize import Barrier
from typing import Any

import torch

from phiforge.episodes import EpisodeBatch
from phiforge.memory import keep_freed_memory
from phiforge.platform import Platform, learner_of
from phiforge.record import training_episodes_key
from phiforge.repeatable import repeat_exactly
from phiforge.settings import Settings
from trainer.estimators import Step
from trainer.local_steps import estimator_of


def bare_seconds(settings: Settings, run: str, versions: range, count: int) -> tuple[float, float]:
    """Return the time that ``count`` processes need for the jobs of ``versions``, and that of their cores.

    Their episodes, which ``run`` must have kept, are in memory before the clock starts; nothing is written.
    """
    context = multiprocessing.get_context("spawn")
    barrier, used = context.Barrier(count + 1), context.Array("d", count)
    arguments = [(settings, run, versions, (index, count), barrier, used) for index in range(count)]
    processes = [context.Process(target=_compute_only, args=each) for each in arguments]
    for process in processes:
        process.start()
    barrier.wait()
    start = time.perf_counter()
    barrier.wait()
    seconds = time.perf_counter() - start
    for process in processes:
        process.join()
    return seconds, sum(used[:])


def _compute_only(
    settings: Settings, run: str, versions: range, place: tuple[int, int], barrier: Barrier, used: Any
) -> None:
    """Compute every ``count``-th job from φ₀, beginning with the ``index``-th: the arithmetic of a trainer."""
    index, count = place
    keep_freed_memory()
    repeat_exactly()
    platform = Platform.open(settings)
    record = platform.run(run)
    spec = record.spec
    torch.set_num_threads(spec.numerics.threads)
    learner, estimator = learner_of(record, spec.task), estimator_of(spec)
    phi = platform.record.checkpoint(run, 0).phi
    jobs = [(version, job) for version in versions for job in range(spec.outer.jobs)][index::count]
    batches = {
        (version, job): EpisodeBatch.from_bytes(platform.store.get(training_episodes_key(run, version, job)))
        for version, job in jobs
    }

    def compute(version: int, job: int) -> None:
        estimator.contribute(learner, phi, list(batches[version, job].episodes()), Step(spec, version), job)

    compute(*jobs[0])  # which warms up
    barrier.wait()
    start = time.process_time()
    for version, job in jobs:
        compute(version, job)
    used[index] = time.process_time() - start
    barrier.wait()
