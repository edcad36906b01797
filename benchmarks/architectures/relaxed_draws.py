"""What a search by draws ends in: cells drawn from its policy, the best of them by the weights that all share."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from benchmarks.architectures.table import EDGES
from phiforge.fleet.platform import Platform
from phiforge.learning.learners.bases.architecture import architecture_entries
from phiforge.learning.meta_training import judge
from phiforge.learning.networks.bases.relaxed import certain
from phiforge.learning.tensors import Tensors
from phiforge.prediction.drawn_cells import drawn_cells
from phiforge.runs.datasets import load
from phiforge.spec.cells.edges import OPERATIONS
from phiforge.tasks.drawing import Tasks
from phiforge.tasks.pool import Pool


class Chosen(NamedTuple):
    """The best cell, its accuracy on test tasks with shared weights, and of each cell drawn that on validation tasks.

    Of these the names are the operations of the edges in order, with spaces between.
    """

    cell: list[str]
    test: float
    drawn: dict[str, float]


def chosen(platform: Platform, run: str, draws: int) -> Chosen:
    """Return what is chosen of so many draws from a run's best version."""
    found = drawn_cells(platform.store, run, draws)
    cells = [(_operations(each.to_json()["edges"]), each.accuracy.mean) for each in found.cells]
    best, phi = cells[0][0], platform.checkpoints.load(run, found.version).phi
    record = platform.run(run)
    tasks = Tasks(record.spec, pool=Pool(load(record.dataset, platform.store)))
    accuracy = judge(record.spec, phi | _logits(phi, best), tasks.judged("test"), "test")["accuracy"].mean
    return Chosen(best, round(accuracy, 4), {" ".join(cell): round(value, 4) for cell, value in cells})


def _operations(edges: Mapping[str, Mapping[str, str]]) -> list[str]:
    return [edges["normal"][edge] for edge in EDGES]


def _logits(phi: Tensors, cell: list[Any]) -> Tensors:
    (name,) = architecture_entries(phi)
    return certain(phi, {name: torch.tensor([OPERATIONS.index(operation) for operation in cell])})
