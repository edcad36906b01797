"""Networks on a folder of pictures: what each comes to in the same processor time, its tasks a second and its memory.

    PHIFORGE_IMAGES=FOLDER python -m benchmarks.networks [--minutes 0.75] [--judged 50] [--only NAME] [--output FILE]

ProtoNet, 5-way 1-shot with 5 queries a class, RGB of 32x32, one thread, each network in a process of its own. What a
network came to is kept in ``--home`` and not computed again; its training is as long as the minutes at the pace of its
first steps.
"""

import argparse
import json
import multiprocessing
import resource
import shlex
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.page import NOT_QUIET, machine, parser, publish, say, table, versions
from phiforge.base.settings import Settings
from phiforge.learning.meta_training import judge, meta_train
from phiforge.runs.weights import with_weights
from phiforge.spec.read import parse_spec
from phiforge.spec.run import RunSpec
from phiforge.tasks.datasets import build_source
from phiforge.tasks.drawing import Tasks
from phiforge.tasks.pool import Pool

NETWORKS: dict[str, dict[str, Any]] = {
    "conv4": {"name": "conv4"},
    "pretrained": {"name": "pretrained"},
    "resnet12 of half the widths": {"name": "resnet12", "widths": [32, 80, 160, 320]},
    "resnet12": {"name": "resnet12"},
    "conv6": {"name": "conv6"},
}
DATASET = {
    "name": "images",
    "colour": "rgb",
    "image_size": 32,
    "validation": 0.2,
    "test": 0.2,
    "duplicates": "keep_first",
}
TASKS, WARMING = 4, 3
"""Of a version; and versions by whose pace the others are counted."""
COLUMNS = ("network", "entries of φ", "tasks seen", "tasks/s", "memory", "accuracy of φ₀", "accuracy of φ")
HEAD = """# Networks on a folder of pictures

Written by `PHIFORGE_IMAGES=FOLDER python -m benchmarks.networks --minutes {minutes:g} --judged {judged} --only {only}`.

The folder holds icons: {classes}. ProtoNet, 5-way 1-shot with 5 queries a class, RGB of 32x32, Adam at 1e-3
with a cosine schedule, {tasks} tasks a version, engine `torch`, one thread. Every network was trained for about
{minutes:g} minutes of the processor and then judged on the same {judged} tasks of test classes, which no
training saw. So few minutes say how fast a network is, and little of how good it becomes. Tasks a second are of
training, by the processor's time; memory is the most that the process held, pictures included. `pretrained` is
frozen: what it computes of an image is remembered, so that its first tasks are slow and later ones fast. Its
first φ has the features of ImageNet and has seen no icon.

"""


def main() -> None:
    """Measure what is not yet known, and print."""
    arguments = parser(__doc__)
    arguments.add_argument("--minutes", type=float, default=0.75, help="of the processor, for each training")
    arguments.add_argument("--judged", type=int, default=50, help="test tasks")
    arguments.add_argument("--only", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    arguments.add_argument("--home", type=Path, default=Path(".phiforge/networks"))
    options = arguments.parse_args()
    options.home.mkdir(parents=True, exist_ok=True)
    found = {name: known(name, options) for name in options.only}
    publish(page(found, options), options.output)


def known(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return what a network came to, measured in a process of its own unless that was done before."""
    path = options.home / f"{name.replace(' ', '-')}-{options.minutes:g}-{options.judged}.json"
    if not path.exists():
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            path.write_text(json.dumps(pool.apply(measured, (name, options.minutes, options.judged)), indent=1))
    say(f"{name}: {path.read_text()}")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def measured(name: str, minutes: float, judged: int) -> dict[str, Any]:
    """Return what one network comes to in so many minutes."""
    pool = Pool(build_source(spec_of(name, 1, judged).data, Settings()).build())
    seconds = _pace(spec_of(name, WARMING, judged), pool)
    spec = spec_of(name, max(1, round(60 * minutes / seconds)), judged)
    began = time.process_time()
    phis = [version.judged for version in _ends(spec, pool)]
    spent = time.process_time() - began
    accuracy = [judge(spec, phi, Tasks(spec, pool=pool).judged("test"), "test")["accuracy"] for phi in phis]
    return {
        "entries": sum(value.numel() for value in phis[0].values()),
        "tasks": TASKS * spec.outer.versions,
        "rate": TASKS * spec.outer.versions / spent,
        "mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "accuracy": [[each.mean, each.ci95] for each in accuracy],
        "classes": {split: len(classes) for split, classes in pool.dataset.splits.items()},
    }


def spec_of(name: str, length: int, judged: int) -> RunSpec:
    """Return the spec of a network that is trained for so many versions."""
    raw = {
        "data": DATASET,
        "task": {"n_way": 5, "k_shot": 1, "n_query": 5},
        "learner": {"name": "prototypical", "network": NETWORKS[name]},
        "outer": {"versions": length, "meta_batch": TASKS, "job_size": TASKS, "lr": 1e-3, "schedule": "cosine"},
        "evaluation": {"test_tasks": judged},
        "numerics": {"engine": "torch"},
    }
    return parse_spec(with_weights(raw, Settings()))


def page(found: dict[str, dict[str, Any]], options: argparse.Namespace) -> Iterator[str]:
    """Yield the page of what was found."""
    classes = next(iter(found.values()))["classes"]
    said = ", ".join(f"{count} classes for {split}" for split, count in classes.items())
    only = shlex.join(found)
    yield from HEAD.format(
        minutes=options.minutes, judged=options.judged, classes=said, tasks=TASKS, only=only
    ).splitlines()
    yield from (f"{machine()}. {NOT_QUIET}", "", f"{versions()}.", "")
    yield from table(COLUMNS, [row(name, each) for name, each in found.items()])


def row(name: str, found: dict[str, Any]) -> Sequence[str]:
    """Return a row of the table."""
    accuracy = [f"{100 * mean:.1f} ± {100 * ci95:.1f} %" for mean, ci95 in found["accuracy"]]
    size = f"{found['mebibytes']:.0f} MiB"
    return f"`{name}`", f"{found['entries']:,}", f"{found['tasks']:,}", f"{found['rate']:.2f}", size, *accuracy


def _pace(spec: RunSpec, pool: Pool) -> float:
    """Return the processor's seconds a version, without the first one, which warms up."""
    at = [time.process_time() for _ in meta_train(spec, Tasks(spec, pool=pool).training)]
    return min(after - before for before, after in pairwise(at[1:]))


def _ends(spec: RunSpec, pool: Pool) -> Iterator[Any]:
    """Yield φ₀ and the last version."""
    for version in meta_train(spec, Tasks(spec, pool=pool).training):
        if version.version in (0, spec.outer.versions):
            yield version


if __name__ == "__main__":
    main()
