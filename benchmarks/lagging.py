"""What lagging contributions and jobs of several steps cost in accuracy, at equal tasks, on glyphs.

Every contribution lags by the whole staleness, which is the worst a fleet can do: steps are taken as
``phiforge verify`` takes them again, from a log made up for the purpose. Accuracy is on validation tasks, the same
for all.

    python -m benchmarks.lagging [--tasks 1600] [--seeds 3] [--output docs/results/lagging.md]
"""

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks.page import parser, publish, say, table, versions
from phiforge.base.settings import Settings
from phiforge.fleet.memory import keep_freed_memory
from phiforge.fleet.platform import Platform
from phiforge.learning.device import require
from phiforge.learning.scoring import score, summary
from phiforge.learning.tensors import Tensors
from phiforge.runs.commit_log import Entry
from phiforge.runs.consistency.chosen import consistency_of
from phiforge.runs.datasets import prepare
from phiforge.runs.learners import learner_of
from phiforge.runs.recompute import recompute
from phiforge.runs.submitted import RunRecord
from phiforge_client.episodes import TrainingEpisodes
from phiforge_client.submission import checked_record, first_checkpoint
from phiforge_sampler.service import Sampler

PAGE = """# What lag and local steps cost in accuracy

`python -m benchmarks.lagging` writes this page: 5-way 1-shot on glyphs of 16x16, Conv-4 of 16 filters,
{tasks} training tasks a run, {seeds} runs of other seeds each; accuracy on the same {judged} validation tasks. Every
contribution is as old as the staleness allows, from the first version on: the worst case, in runs so short that most of
them is the beginning, where φ moves fastest. Local steps: plain averaging (`sgd`, `lr: 1`), Adam inside.

{versions}."""
COLUMNS = ("learner", "how", "versions", "validation accuracy, mean of runs", "each run")
META_BATCH, JOB_SIZE, JUDGED = 8, 2, 200
NETWORK = {"name": "conv4", "channels": 16}
LEARNERS: dict[str, Any] = {
    "ProtoNet": {"learner": {"name": "prototypical", "network": NETWORK}, "outer": {"lr": 2e-3}},
    "first-order MAML": {
        "learner": {"name": "maml", "inner_lr": 0.4, "network": NETWORK},
        "estimator": {"name": "first_order"},
        "outer": {"lr": 2e-3},
    },
}
STALENESS, LOCAL_STEPS = (1, 2, 4, 8), (2, 4, 8)
AVERAGED = {"optimizer": {"name": "sgd"}, "lr": 1.0, "local_optimizer": {"name": "adam"}, "local_lr": 2e-3}


def main() -> None:
    """Measure and write the table."""
    arguments = parser(__doc__)
    arguments.add_argument("--tasks", type=int, default=1600, help="training tasks of each run")
    arguments.add_argument("--seeds", type=int, default=3)
    options = arguments.parse_args()
    keep_freed_memory()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        platform = Platform.open(Settings(home=Path(folder)))
        cells = [row for name in LEARNERS for row in rows(platform, name, options.tasks, options.seeds)]
    head = PAGE.format(tasks=options.tasks, seeds=options.seeds, judged=JUDGED, versions=versions())
    publish([head, "", *table(COLUMNS, cells)], options.output)


def rows(platform: Platform, name: str, tasks: int, seeds: int) -> Iterator[tuple[str, ...]]:
    """Yield a row for each way to train one learner."""
    ways: dict[str, dict[str, Any]] = {"synchronous": {}}
    ways |= {
        f"every contribution {lag} versions old": {"consistency": "bounded_staleness", "staleness": lag}
        for lag in STALENESS
    }
    ways |= {f"{steps} local steps": {"outer": AVERAGED | {"local_steps": steps}} for steps in LOCAL_STEPS}
    for way, changes in ways.items():
        found = [accuracy(platform, spec_of(name, tasks, seed, changes)) for seed in range(seeds)]
        versions = spec_of(name, tasks, 0, changes)["outer"]["versions"]
        each = ", ".join(f"{100 * value:.1f}" for value in found)
        row = (name, way, str(versions), f"{100 * statistics.mean(found):.1f} %", each)
        say(" ".join(row))
        yield row


def spec_of(name: str, tasks: int, seed: int, changes: dict[str, Any]) -> dict[str, Any]:
    """Return a raw spec that sees ``tasks`` training tasks."""
    outer = LEARNERS[name]["outer"] | {"meta_batch": META_BATCH, "job_size": JOB_SIZE} | changes.get("outer", {})
    outer["versions"] = tasks // META_BATCH // outer.get("local_steps", 1)
    plain: dict[str, Any] = {
        "seed": seed,
        "data": {"name": "glyphs", "drawings": 8, "image_size": 16},
        "task": {"n_way": 5, "k_shot": 1, "n_query": 3},
        "evaluation": {"validation_tasks": JUDGED, "chunk_size": JUDGED},
    }
    plain |= LEARNERS[name] | changes | {"outer": outer}
    return plain


def accuracy(platform: Platform, raw: dict[str, Any]) -> float:
    """Train and judge one run."""
    record = checked_record(raw, lambda data: prepare(data, platform.settings, platform.store, None), "cpu")
    require(record.spec.numerics, "cpu")
    episodes, last = TrainingEpisodes(platform, record), record.spec.outer.versions
    phi: Tensors = {}
    for step in recompute(record, first_checkpoint(record), last, episodes.file, logged=lagging(record)):
        phi = step.checkpoint.phi
    return float(
        summary(last, "", [score(learner_of(record, record.spec.task), phi, judged(platform, record), 0)])["accuracy"]
    )


def judged(platform: Platform, record: RunRecord) -> list[Any]:
    """Return the validation episodes."""
    sampler = Sampler(platform)
    return list(sampler._sample(record, "validation", (0, "evaluation", "validation", 0)).episodes())


def lagging(record: RunRecord) -> dict[int, Entry] | None:
    """Return a log in which every contribution saw a φ that was as old as it may be."""
    rules = consistency_of(record.spec)
    if rules.in_step:
        return None
    jobs, lag = record.spec.outer.jobs, rules.reach
    return {
        version + 1: {
            "version": version + 1,
            "jobs": [{"version": version, "job": job, "phi_version": max(0, version - lag)} for job in range(jobs)],
        }
        for version in range(record.spec.outer.versions)
    }


if __name__ == "__main__":
    main()
