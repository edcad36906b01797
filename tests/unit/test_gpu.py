"""What a CUDA device computes: what a processor does, the same bits in every process and job, captured or not."""

import os
import subprocess
import sys

import pytest
import torch

from phiforge.learning import scoring
from phiforge.learning.engines.vmap import episodes, graph_capture
from phiforge.learning.learners import LEARNERS
from phiforge.learning.repeatable import repeating_exactly
from tests.certificate.material import contribution, estimating, learner_of, phi_of, relative_error, step_of
from tests.unit.on_device import SIDE, config_of, moved, tasks_on

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

MAPPED = sorted(name for name, learner in LEARNERS.items() if learner.mapped)
STEPPING = [name for name in MAPPED if LEARNERS[name].inner_gradient]
CELLS = [
    *((name, "torch", "backpropagation") for name in ("maml", "relation", "r2d2")),
    *((name, "vmap", "backpropagation") for name in MAPPED),
    *((name, "vmap", "first_order") for name in STEPPING),
]

FRESH = """
import hashlib
import torch
from phiforge.learning.repeatable import repeat_exactly
from tests.unit.test_gpu import job_of
repeat_exactly()
job = job_of('maml', {engine!r}, torch.float32)
print(*(hashlib.sha256(job()).hexdigest() for _ in range(5)))
"""


@pytest.fixture(autouse=True)
def exactly():
    """Torch as a trainer has it, without graphs of other tests."""
    graph_capture._graphs.clear()
    with repeating_exactly():
        yield


def job_of(name, engine, dtype, estimator="backpropagation", device="cuda", count=3):
    """A job, as a function that returns the bytes of what it contributes."""
    found = contributed(name, engine, dtype, estimator, device, count)
    return lambda: found().to_bytes()


def contributed(name, engine, dtype, estimator="backpropagation", device="cuda", count=3):
    config = config_of(name, estimator)
    learner = learner_of(config, SIDE, engine)
    phi, tasks = moved(phi_of(learner, dtype), device), tasks_on(device, config, count, dtype)
    return lambda: contribution(estimating(estimator), learner, phi, tasks, step_of(chunk=2))


@pytest.mark.parametrize("cell", CELLS, ids="-".join)
def test_a_gpu_contributes_what_a_processor_does(cell):
    # Given a job in float64 on a GPU, of a whole chunk and a smaller one, twice
    name, engine, estimator = cell
    expected = contributed(name, engine, torch.float64, estimator, "cpu")()
    found = [contributed(name, engine, torch.float64, estimator)() for _ in range(2)]
    # I expect what the processor contributes, and the same bytes each time.
    assert relative_error({n: v.cpu() for n, v in found[0].values.items()}, expected.values) < 1e-8
    assert found[0].to_bytes() == found[1].to_bytes()


@pytest.mark.parametrize("name", MAPPED)
def test_a_graph_changes_no_bit(name, monkeypatch):
    # Given a job by engine vmap, if its chunks are captured
    found = job_of(name, "vmap", torch.float32)()
    kept = list(graph_capture._graphs.values())
    assert len(kept) == (2 if LEARNERS[name].capturable else 0)
    assert all(kept)
    # I expect the bytes of a job whose chunks are not.
    monkeypatch.setattr(episodes, "captured", lambda key, compute, *inputs: compute(*inputs))
    assert job_of(name, "vmap", torch.float32)() == found


def test_a_graph_reads_what_it_is_given():
    # Given a captured sum, if other numbers are given to it,
    a, b = torch.ones(3, device="cuda"), torch.full((3,), 2.0, device="cuda")
    first = graph_capture.captured("sum", lambda x: {"sum": x["x"].sum()}, {"x": a})
    second = graph_capture.captured("sum", lambda x: {"sum": x["x"].sum()}, {"x": b})
    # I expect their sum, and the first one's as it was.
    assert (first["sum"].item(), second["sum"].item()) == (3.0, 6.0)
    # I expect the same of numbers of another shape,
    assert graph_capture.captured("sum", lambda x: {"sum": x["x"].sum()}, {"x": a[:2]})["sum"].item() == 2.0
    # and no more than a few graphs to be kept.
    for key in range(6):
        graph_capture.captured(key, lambda x: x + 1, a)
    assert len(graph_capture._graphs) == graph_capture._MOST_GRAPHS


def test_what_cannot_be_captured_is_computed(caplog):
    # Given a computation that asks for a number, which stops the GPU
    a = torch.ones(3, device="cuda")
    found = [graph_capture.captured("asks", lambda x: x * x.sum().item(), a) for _ in range(2)]
    # I expect it to be computed, with one warning, and others to be captured after it.
    assert [each.tolist() for each in found] == [[3.0] * 3] * 2
    assert caplog.text.count("cannot be captured") == 1
    assert job_of("maml", "vmap", torch.float32)()
    assert sum(bool(each) for each in graph_capture._graphs.values()) == 2


@pytest.mark.parametrize("engine", ["torch", "vmap"])
def test_the_first_job_of_a_process_is_as_all_others(engine):
    # Given second-order MAML, whose gradients of gradients are made while gradients are taken
    command = [sys.executable, "-c", FRESH.format(engine=engine)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    said = [subprocess.run(command, check=True, capture_output=True, text=True, env=environment) for _ in range(2)]
    # I expect the same bytes of its first job as of all later ones, in each process.
    assert len({digest for each in said for digest in each.stdout.split()}) == 1


@pytest.mark.parametrize("name", MAPPED)
def test_scores_are_those_of_a_processor(name):
    # Given unseen tasks, if they are scored on a GPU, two at a time and the last by itself
    config = config_of(name, "backpropagation")
    found = []
    for device in ("cpu", "cuda"):
        learner = learner_of(config, SIDE, "vmap")
        phi, tasks = moved(phi_of(learner, torch.float64), device), tasks_on(device, config, 3, torch.float64)
        found.append(scoring.score(learner, phi, tasks, "seed", together=2))
    # I expect the scores of a processor.
    assert found[1].scores == pytest.approx(found[0].scores)
    assert found[1].loss == pytest.approx(found[0].loss, rel=1e-8)
