"""What the best φ answers on test tasks, one by one: right and wrong, by class, and to look at."""

import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from phiforge.base.errors import FormatError, MissingObjectError
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import EVALUATION, Learner, Phi, Predictor
from phiforge.learning.learners.bases.weighted import WeightedLearner
from phiforge.learning.optimizers import judged
from phiforge.registry import DATA
from phiforge.runs.datasets import load_catalogue
from phiforge.runs.keys import evaluation_episodes_key
from phiforge.runs.learners import by_torch, learner_of
from phiforge.runs.platform import RunPlatform
from phiforge.runs.submitted import RunRecord
from phiforge.tasks.datasets.bases.dataset import Catalogue
from phiforge.tasks.episodes import Episode, EpisodeBatch

Images = NDArray[np.uint8]


class Shown(NamedTuple):
    """A test task with what was answered.

    Args:
        support: images [n, channels, height, width] that the model was made from.
        support_labels: their labels [n].
        query: images that it was asked about.
        true: their labels.
        said: the labels that it gave.
        names: what each label's class is called.
        truth: the labels that the support images would have were all of them right [n].
        weights: of each support image in the last inner step [n]; empty unless the learner weighs them.
    """

    support: Images
    support_labels: list[int]
    query: Images
    true: list[int]
    said: list[int]
    names: list[str]
    truth: list[int]
    weights: list[float]

    @property
    def accuracy(self) -> float:
        """The share of right answers."""
        return float(np.mean(np.equal(self.true, self.said)))


class Answers(NamedTuple):
    """Test tasks with their answers, how often each class was met and known, and which was taken for which."""

    tasks: list[Shown]
    met: Counter[str]
    known: Counter[str]
    taken_for: Counter[tuple[str, str]]

    @property
    def hardest(self) -> list[tuple[str, float, int]]:
        """Classes with the share of their queries that were known, and how many there were, the hardest first."""
        shares = [(name, self.known[name] / count, count) for name, count in self.met.items()]
        return sorted(shares, key=lambda each: (each[1], each[0]))


def answers(
    platform: RunPlatform, record: RunRecord, report: dict[str, Any], most: int, patience_seconds: float
) -> Answers | None:
    """Return what the judged φ answers on up to ``most`` test tasks, computed again by plain torch.

    Where that takes long, as with a learner that trains from scratch, it is as many as are done by
    ``patience_seconds``. None of regressions, and where the checkpoint, the episodes or the dataset are gone.
    """
    if DATA[record.spec.data.name].regression:
        return None
    try:
        checkpoint = platform.checkpoints.load(record.run, report["best_version"])
        phi = judged(record.spec.outer, checkpoint.phi, checkpoint.optimizer)
        most = min(most, record.spec.evaluation.test_tasks)
        batches = list(_batches(platform, record, most))
        catalogue = load_catalogue(record.dataset, platform.store)
    except (MissingObjectError, FormatError):
        return None
    learner = learner_of(by_torch(record), record.spec.evaluation_task)
    steps = (report.get("inner_steps") or {}).get("chosen")
    torch.set_num_threads(record.spec.numerics.threads)
    with torch.no_grad():
        shown = _answered(record, learner, phi, batches, steps, catalogue)
        return _counted(islice(_until(time.monotonic() + patience_seconds, shown), most))


def _batches(platform: RunPlatform, record: RunRecord, most: int) -> Iterator[EpisodeBatch]:
    """Yield the stored chunks that the first ``most`` test tasks are in."""
    for chunk in range(-(-most // record.spec.evaluation.chunk_size)):
        yield EpisodeBatch.from_bytes(platform.store.get(evaluation_episodes_key(record, "test", chunk)))


def _answered(
    record: RunRecord,
    learner: Learner,
    phi: Phi,
    batches: list[EpisodeBatch],
    steps: int | None,
    catalogue: Catalogue,
) -> Iterator[Shown]:
    """Yield the tasks of ``batches`` with their answers; the last chunk may hold more than are judged."""
    for chunk, batch in enumerate(batches):
        for index, episode in enumerate(batch.episodes()):
            generator = torch_generator(record.spec.evaluation.seed, "judge", "test", chunk, index)
            said = _model(learner, phi, episode, generator, steps)(episode.query_x).argmax(dim=1)
            names = _names(catalogue, batch.classes[index])
            labels, true = batch.support_y[index].tolist(), batch.query_y[index].tolist()
            truth = labels if batch.truth is None else batch.truth[index].tolist()
            weights = _weights(learner, phi, episode, steps)
            images = batch.support_x[index], batch.query_x[index]
            yield Shown(images[0], labels, images[1], true, said.tolist(), names, truth, weights)


def _weights(learner: Learner, phi: Phi, episode: Episode, steps: int | None) -> list[float]:
    if not isinstance(learner, WeightedLearner):
        return []
    found: list[float] = learner.weights_by_step(phi, episode.support_x, episode.support_y, steps)[-1].tolist()
    return found


def _until(deadline: float, shown: Iterator[Shown]) -> Iterator[Shown]:
    for task in shown:
        yield task
        if time.monotonic() > deadline:
            return


def _model(learner: Learner, phi: Phi, episode: Episode, generator: torch.Generator, steps: int | None) -> Predictor:
    support = (episode.support_x, episode.support_y)
    if steps is None:
        return learner.adapt(phi, *support, EVALUATION, generator)
    return learner.adapt_by_steps(phi, *support, EVALUATION, generator, (steps,))[steps]


def _names(catalogue: Catalogue, classes: NDArray[np.int64]) -> list[str]:
    """Return what each class of the test split is called, and by how much it is turned."""
    found = [catalogue.splits["test"][number] for number in classes.tolist()]
    turns = [f", turned {90 * each.quarter_turns}°" if each.quarter_turns else "" for each in found]
    return [f"{catalogue.classes[each.source].name}{turn}" for each, turn in zip(found, turns, strict=True)]


def _counted(shown: Iterator[Shown]) -> Answers:
    tasks, met, known = list(shown), Counter[str](), Counter[str]()
    taken_for: Counter[tuple[str, str]] = Counter()
    for task in tasks:
        for true, said in zip(task.true, task.said, strict=True):
            met[task.names[true]] += 1
            if true == said:
                known[task.names[true]] += 1
            else:
                taken_for[task.names[true], task.names[said]] += 1
    return Answers(tasks, met, known, taken_for)
