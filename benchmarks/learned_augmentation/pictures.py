"""What policies do to images: support images and copies of them, by the policy as it began and as it was learned."""

from collections.abc import Iterator
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

from benchmarks.learned_augmentation.measure import Size, phi_of
from benchmarks.learned_augmentation.methods import Cell, spec_of
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners.bases.augmentation.augmented import Augmented
from phiforge.learning.learners.bases.augmentation.policy import applied
from phiforge.learning.start import first_phi, learner_for
from phiforge.learning.tensors import Tensors
from phiforge.registry import DATA
from phiforge.tasks.drawing import Tasks
from phiforge.tasks.pool import Pool

IMAGES, COPIES = 4, 6


def draw_policies(methods: list[str], pool: Pool, home: Path, size: Size, path: Path) -> None:
    """Write one PNG: of each method a block of rows by its policy at first, and one by that which it learned."""
    blocks = [block for method in methods for block in _blocks(Cell(method, 0), pool, home, size)]
    figure = Figure(figsize=(0.75 * (COPIES + 1) * len(blocks), 0.8 * IMAGES), layout="constrained")
    for part, (title, rows) in zip(figure.subfigures(1, len(blocks), squeeze=False)[0], blocks, strict=True):
        part.suptitle(title, fontsize=7)
        for place, panel in zip(rows, part.subplots(IMAGES, COPIES + 1), strict=True):
            for image, axis in zip(place, panel, strict=True):
                axis.imshow(image[0], cmap="gray_r", vmin=0, vmax=1)
                axis.set_axis_off()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _blocks(cell: Cell, pool: Pool, home: Path, size: Size) -> Iterator[tuple[str, list[list[Tensor]]]]:
    """Yield a title, and rows of an image and its copies, of each policy; the draws are the same for both."""
    spec = spec_of(cell, *size)
    learner = learner_for(spec, spec.task, DATA[spec.data.name].input_shape(spec.data))
    if not isinstance(learner, Augmented) or not (home / f"{cell.name}.phi").exists():
        return
    images = next(iter(Tasks(spec, pool=pool).judged("test")))[0].support_x[:IMAGES]
    yield f"{cell.method}: at first", _rows(learner, first_phi(spec, learner), images)
    yield f"{cell.method}: learned", _rows(learner, phi_of(cell, home), images)


def _rows(learner: Augmented, phi: Tensors, images: Tensor) -> list[list[Tensor]]:
    copies = images.repeat_interleave(COPIES, dim=0)
    with torch.no_grad():
        config = learner.config
        changed = applied(phi, config.operations, copies, config.temperature, torch_generator("picture"))
    return [[image, *changed[COPIES * place : COPIES * (place + 1)]] for place, image in enumerate(images)]
