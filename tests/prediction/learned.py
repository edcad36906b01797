"""Small runs with a φ that was really learned, in object storage, without a fleet."""

from typing import Any

from phiforge.base.settings import Settings
from phiforge.learning.meta_training import judge, meta_train
from phiforge.runs.checkpoints import Checkpoint, Checkpoints
from phiforge.runs.datasets import load, prepare
from phiforge.runs.record import Record
from phiforge.runs.store import Store
from phiforge.tasks.drawing import Tasks
from phiforge.tasks.pool import Pool
from phiforge_client.submission import checked_record


def spec(name: str, learner: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a raw spec of glyphs that is learned in seconds."""
    return {
        "name": name,
        "data": {"name": "glyphs", "drawings": 8, "image_size": 16},
        "task": {"n_way": 5, "k_shot": 1, "n_query": 3},
        "learner": learner,
        "outer": {"versions": 40, "meta_batch": 4, "job_size": 4, "lr": 0.003},
        "evaluation": {"every": 40, "validation_tasks": 20, "test_tasks": 20, "chunk_size": 10},
        "numerics": {"engine": "torch"},
    } | changes


def learn(store: Store, raw: dict[str, Any]) -> str:
    """Meta-train as ``raw`` says, write the run down with its first and last version, and return its id."""
    record = checked_record(raw, lambda data: prepare(data, Settings(), store), "cpu")
    tasks = Tasks(record.spec, pool=Pool(load(record.dataset, store)))
    first, *_, last = meta_train(record.spec, tasks.training, record.train_classes)
    Record(store).create(record)
    for each in (first, last):
        at = record.tasks_at(each.version)
        Checkpoints(Record(store)).save(record.run, Checkpoint(each.version, each.phi, {}, each.phi_hash, at))
    found = judge(record.spec, last.phi, tasks.judged())
    scores = {name: each.mean for name, each in found.items()}
    Record(store).save_scores(record.run, "validation", last.version, scores | {"version": last.version})
    return record.run
