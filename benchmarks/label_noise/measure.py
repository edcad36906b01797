"""One cell: φ is meta-trained, and judged at each share of wrong labels; what is found is kept as JSON and tensors."""

import json
import time
from pathlib import Path
from typing import Any

from benchmarks.label_noise.methods import SHARES, Cell, judged_at, spec_of
from phiforge.learning.meta_training import judge, meta_train
from phiforge.learning.tensors import Tensors, decode, encode
from phiforge.tasks.drawing import Tasks
from phiforge.tasks.pool import Pool


def known(cell: Cell, folder: Path, tasks: int, judged: int) -> dict[str, Any] | None:
    """Return what a cell of as many tasks came to before; None if it was not computed."""
    path = folder / f"{cell.name}.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found if (found.get("tasks"), found.get("judged")) == (tasks, judged) else None


def measured(cell: Cell, pool: Pool, folder: Path, tasks: int, judged: int) -> dict[str, Any]:
    """Return what a cell comes to, and keep it in ``folder``."""
    found = {"tasks": tasks, "judged": judged} | _computed(cell, pool, folder, tasks, judged)
    (folder / f"{cell.name}.json").write_text(json.dumps(found, indent=1))
    return found


def phi_of(cell: Cell, folder: Path) -> Tensors:
    """Return the φ that a cell came to."""
    return decode((folder / f"{cell.name}.phi").read_bytes())


def _computed(cell: Cell, pool: Pool, folder: Path, tasks: int, judged: int) -> dict[str, Any]:
    spec = spec_of(cell, tasks, judged)
    began, phi = time.process_time(), {}
    for version in meta_train(spec, Tasks(spec, pool=pool).training):
        phi = version.phi
    trained, accuracy = time.process_time(), {}
    for share in SHARES:
        at = judged_at(spec, share)
        accuracy[str(share)] = judge(at, phi, Tasks(at, pool=pool).judged("test"), "test")["accuracy"]._asdict()
    (folder / f"{cell.name}.phi").write_bytes(encode(phi))
    spent = time.process_time()
    return {"accuracy": accuracy, "training_seconds": trained - began, "judging_seconds": spent - trained}
