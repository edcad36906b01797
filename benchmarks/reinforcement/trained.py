"""A ready-made spec meta-trained in this process, judged as a fleet's evaluators would: its curve and its test."""

import json
import time
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.page import say
from phiforge.learning.meta_training import judge, meta_train
from phiforge.registry import DATA, SCORES
from phiforge.spec.run import RunSpec
from phiforge.tasks.drawing import Tasks


class Trained(NamedTuple):
    """What came of a spec: points (tasks seen, mean, half width) on validation tasks, and the test of the best."""

    spec: dict[str, Any]
    curve: list[tuple[int, float, float]]
    test: dict[str, tuple[float, float]]
    cpu_seconds: float


def trained(spec: RunSpec) -> Trained:
    """Meta-train ``spec`` and judge it."""
    tasks, by, start = Tasks(spec), DATA[spec.data.name].chooses_by, time.process_time()
    curve: list[tuple[int, float, float]] = []
    best, kept = float("-inf"), {}
    for version in meta_train(spec, tasks.training):
        if not spec.validates_at(version.version):
            continue
        found = judge(spec, version.judged, tasks.judged())[by]
        curve.append((version.version * spec.outer.meta_batch, found.mean, found.ci95))
        say(f"{spec.name}, version {version.version}: {by} {found.mean:.3f} ± {found.ci95:.3f}")
        worth = found.mean if SCORES[by].higher_is_better else -found.mean
        if worth > best:
            best, kept = worth, version.judged
    tested = judge(spec, kept, tasks.judged("test"), "test")
    spent = time.process_time() - start
    return Trained(spec.to_json(), curve, {name: (each.mean, each.ci95) for name, each in tested.items()}, spent)


def write(found: Trained, path: Path) -> None:
    """Keep what came of a spec as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found._asdict(), indent=1))


def read(path: Path) -> Trained:
    """Return what ``write`` kept."""
    return Trained(**json.loads(path.read_text()))
