"""A peer: its own training loop in an environment and a process of its own, which waits while its φ is judged."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.page import say
from benchmarks.time_to_accuracy.curve import Point
from benchmarks.time_to_accuracy.methods import MARKS, Method
from benchmarks.time_to_accuracy.plan import Plan
from phiforge.learning.tensors import Tensors

FOLDER = Path(__file__).parents[1] / "peers"
THREADS = 2


def points(plan: Plan, method: Method, python: Path) -> Iterator[Point]:
    """Train by a peer's loop until its accuracy is the last mark's, its time is over, or it has taken every step.

    Raises RuntimeError, with its last words, if it ends before.
    """
    with tempfile.TemporaryDirectory() as folder:
        job = write_job(plan, Path(folder))
        log = Path(folder) / "log"
        with log.open("w") as errors, started(python, f"{method.peer}_training", job, errors.fileno()) as process:
            try:
                yield from spoken(plan, process, log)
            finally:
                process.kill()


def spoken(plan: Plan, process: "subprocess.Popen[str]", log: Path) -> Iterator[Point]:
    """Yield a point for each φ that a peer's process writes, and let it go on until it is over."""
    assert process.stdin
    while True:
        said = answer(process, log)
        say(f"judging version {said['version']} of {plan.spec.outer.versions}")
        point = plan.judged(said["version"], said["seconds"], phi_of(Path(said["phi"])))
        yield point
        if why_over(point, plan):
            return
        process.stdin.write("on\n")
        process.stdin.flush()


def why_over(point: Point, plan: Plan) -> str:
    """Return why a peer goes on no further than ``point``; '' if it goes on."""
    if point.accuracy >= MARKS[-1]:
        return f"{MARKS[-1]:.0%}"
    return plan.why_over(point)


def answer(process: "subprocess.Popen[str]", log: Path) -> dict[str, Any]:
    """Return what a process says next; raises RuntimeError, with its last words, if it has ended."""
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        said = log.read_text().strip().splitlines()
        raise RuntimeError(said[-1] if said else "it ended without a word")
    found: dict[str, Any] = json.loads(line)
    return found


def write_job(plan: Plan, folder: Path) -> Path:
    """Write all that a peer's loop needs into ``folder``; return the file that names it."""
    plan.write_images(folder / "images.npz")
    arrays: dict[str, Any] = {name: value.numpy() for name, value in plan.first_phi().items()}
    np.savez(folder / "phi.npz", **arrays)
    spec = plan.spec
    job = {
        "images": str(folder / "images.npz"),
        "phi": str(folder / "phi.npz"),
        "folder": str(folder),
        "n_way": spec.task.n_way,
        "k_shot": spec.task.k_shot,
        "n_query": spec.task.n_query,
        "meta_batch": spec.outer.tasks,
        "rates": plan.rates(),
        "marks": plan.marks,
        "clip_norm": spec.outer.clip_norm,
        "seed": spec.seed,
        "threads": THREADS,
        "limit_seconds": 60 * plan.budget.minutes,
    }
    names = ("inner_lr", "inner_steps")
    job |= {name: getattr(spec.learner, name) for name in names if hasattr(spec.learner, name)}
    path = folder / "job.json"
    path.write_text(json.dumps(job))
    return path


def phi_of(path: Path) -> Tensors:
    """Read φ as a peer wrote it."""
    with np.load(path) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def started(python: Path, module: str, job: Path, errors: int) -> "subprocess.Popen[str]":
    """Return a process of a peer's loop that is spoken to in lines."""
    threads = {"OMP_NUM_THREADS": str(THREADS), "MKL_NUM_THREADS": str(THREADS)}
    return subprocess.Popen(
        [str(python), str(FOLDER / "run.py"), module, str(job)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        env=os.environ | threads,
    )
