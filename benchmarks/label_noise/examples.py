"""Which examples got which weight: the first test task with wrong labels, as each learner that weighs them sees it."""

import argparse
from pathlib import Path

from PIL import Image

from benchmarks.label_noise.measure import phi_of
from benchmarks.label_noise.methods import METHODS, TRAINED, Cell, judged_at, spec_of
from phiforge.learning.learners.bases.weighted import WeightedLearner
from phiforge.learning.start import learner_for
from phiforge.registry import DATA
from phiforge.tasks.drawing import Tasks
from phiforge.tasks.pool import Pool
from phiforge_client.results.answers import Shown
from phiforge_client.results.weights_picture import weights_picture


def draw_examples(pool: Pool, options: argparse.Namespace, path: Path) -> None:
    """Write one PNG: the same task, side by side, with the weights of each learner that weighs, of the first seed."""
    shown = [each for method in METHODS if (each := _shown(Cell(method, TRAINED, 0), pool, options))]
    files = [path.with_name(f"{path.stem}-{index}.png") for index in range(len(shown))]
    for file, task in zip(files, shown, strict=True):
        file.write_bytes(weights_picture(task))
    _beside(files, path)
    for file in files:
        file.unlink()


def _shown(cell: Cell, pool: Pool, options: argparse.Namespace) -> Shown | None:
    """Return the first test task with a cell's weights; None of a method that has none, or that is not done."""
    spec = judged_at(spec_of(cell, options.tasks, options.judged), TRAINED)
    learner = learner_for(spec, spec.task, DATA[spec.data.name].input_shape(spec.data))
    if not isinstance(learner, WeightedLearner) or not (options.home / f"{cell.name}.phi").exists():
        return None
    batch = Tasks(spec, pool=pool).judged_batch("test", 0)
    episode = next(batch.episodes())
    weights = learner.weights_by_step(phi_of(cell, options.home), episode.support_x, episode.support_y)[-1]
    labels, truth = batch.support_y[0].tolist(), (batch.support_y if batch.truth is None else batch.truth)[0].tolist()
    names = [str(way) for way in range(spec.task.n_way)]
    return Shown(batch.support_x[0], labels, batch.query_x[0], [], [], names, truth, weights.tolist())


def _beside(files: list[Path], path: Path) -> None:
    images = [Image.open(file).convert("RGB") for file in files]
    gap = 40
    width, height = sum(each.width + gap for each in images), max((each.height for each in images), default=1)
    whole = Image.new("RGB", (max(1, width), height), "white")
    left = 0
    for image in images:
        whole.paste(image, (left, 0))
        left += image.width + gap
    whole.save(path)
