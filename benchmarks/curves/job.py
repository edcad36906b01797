"""One point's process: does its job as a trainer does, and says what that took."""

import multiprocessing
import resource
import statistics
import time
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from phiforge.fleet.memory import keep_freed_memory
from phiforge.learning.device import require
from phiforge.learning.repeatable import repeat_exactly
from phiforge.learning.tensors import decode
from phiforge.runs.submitted import RunRecord
from phiforge.tasks.episodes import EpisodeBatch
from phiforge_trainer.worker import Trainer

WATCHED = 3
LATE_IMPORTS = ("phiforge.learning.engines.fused.conv_block",)
"""What the first job would import: the fused engine."""


class Work(NamedTuple):
    """A job as it reaches a trainer: its run, and the bytes of φ and of its episodes; and how long a turn lasts."""

    record: RunRecord
    phi: bytes
    episodes: bytes
    seconds: float


class Turn(NamedTuple):
    """Milliseconds a job: by the clock, of the processor, and of that what reading and writing bytes took."""

    wall: float
    cpu: float
    coding: float


class Ready(NamedTuple):
    """What a process knows after its first jobs: bytes of memory before them, and of its contribution."""

    idle: int
    contribution: int


class Worker:
    """A fresh process of one thread that waits for its turns."""

    def __init__(self, work: Work) -> None:
        """Start the process: forked from one that has done nothing but import."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__, *LATE_IMPORTS])
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(work, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self.turns: list[Turn] = []
        self.peak = 0

    def ready(self) -> Ready:
        """Wait for the first jobs; raises EOFError if the process cannot do them."""
        found: Ready = self.connection.recv()
        return found

    def turn(self) -> None:
        """Let it work for a while."""
        self.connection.send("work")
        turn, self.peak = self.connection.recv()
        self.turns.append(turn)

    def convolving(self) -> float:
        """Return the milliseconds of a job that are convolutions; after all turns, for watching costs memory."""
        self.connection.send("watch")
        found: float = self.connection.recv()
        return found

    def close(self) -> None:
        """End the process."""
        self.connection.close()
        self.process.join()


def serve(work: Work, connection: Connection) -> None:
    """Do jobs, a turn for each message, until there are no more."""
    keep_freed_memory()
    torch.set_num_threads(1)
    repeat_exactly()
    require(work.record.spec.numerics, "cpu")
    idle = peak()
    contribution, _ = job(work)
    start = time.perf_counter()
    job(work)
    jobs = max(1, round(work.seconds / (time.perf_counter() - start)))
    connection.send(Ready(idle, len(contribution)))
    while True:
        try:
            asked = connection.recv()
        except EOFError:
            return
        connection.send(convolutions(work) if asked == "watch" else (turn(work, jobs), peak()))


def turn(work: Work, jobs: int) -> Turn:
    """Do so many jobs."""
    wall, cpu = time.perf_counter(), time.process_time()
    coding = sum(job(work)[1] for _ in range(jobs))
    spent = time.perf_counter() - wall, time.process_time() - cpu, coding
    return Turn(*(1000 * each / jobs for each in spent))


class Convolving(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the seconds of the processor that torch's convolutions and their gradients take."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seconds = 0.0

    def __torch_dispatch__(self, operation: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        """Do an operation, by the clock if it is a convolution."""
        start = time.process_time()
        found = operation(*arguments, **(named or {}))
        if "convolution" in str(operation):
            self.seconds += time.process_time() - start
        return found


def convolutions(work: Work) -> float:
    """Return the milliseconds of a job that are convolutions, the median of a few jobs."""
    found = []
    for _ in range(WATCHED):
        with Convolving() as convolving:
            job(work)
        found.append(1000 * convolving.seconds)
    return float(statistics.median(found))


def job(work: Work) -> tuple[bytes, float]:
    """Return a contribution as it is published, and the seconds of the processor that bytes took, not arithmetic."""
    start = time.process_time()
    phi, episodes = decode(work.phi), list(EpisodeBatch.from_bytes(work.episodes).episodes())
    read = time.process_time()
    contribution = Trainer.compute(work.record, phi, episodes, 0, 0)
    computed = time.process_time()
    written = contribution.to_bytes()
    return written, read - start + time.process_time() - computed


def peak() -> int:
    """Return the most bytes of memory that this process has held at once."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
