"""Searches that train a mixture of all cells, on the space that was enumerated: a real run of each with several seeds.

    python -m benchmarks.architectures.relaxed [--seeds 3] [--output docs/results/architectures-relaxed.md]

Runs go through the queue of an embedded stack, with the tasks and the network of `specs/studies/cells.yaml`. State
stays in ``--home``: called again, it goes on where it was. What came of them is kept in ``relaxed.json``. With
``--search NAME`` only that one is run, and of others there stays what is kept. The page is written from it and, for the
regret, from the table of all cells where there is one; ``--seeds 0`` only writes it.
"""

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from benchmarks.architectures.relaxed_draws import chosen
from benchmarks.architectures.relaxed_report import written
from benchmarks.architectures.table import TABLE, read
from benchmarks.omniglot import complete
from benchmarks.page import publish, say
from phiforge.base.errors import ServiceError
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.learning.meta_training import judge
from phiforge.runs.changing import changed_spec
from phiforge.runs.commit_log import OBSERVED
from phiforge.runs.datasets import load
from phiforge.spec.read import parse_spec
from phiforge.tasks.drawing import Tasks
from phiforge.tasks.pool import Pool
from phiforge_client.stack import Stack
from phiforge_client.studies.submission import read_study

STUDY = Path("specs/studies/cells.yaml")
RESULTS = Path(__file__).parent / "relaxed.json"


class Search(NamedTuple):
    """One search: its learner and estimator as a spec names them, and what else it changes of the study's base."""

    learner: Mapping[str, Any]
    estimator: Mapping[str, Any]
    changes: Mapping[str, Mapping[str, Any]] = {}
    draws: int = 0
    """How many cells are drawn in the end, of which the best is chosen by shared weights; 0: the likeliest is."""


_FIVE_WAYS = {"n_way": 5, "k_shot": 1, "n_query": 5}
_STEPPING = {"name": "meta_nas", "inner_lr": 0.4, "inner_steps_evaluation": 1, "temperature_last": 0.2}
_ONE_FOR_ALL = _STEPPING | {"adapts": "weights", "inner_steps": 3, "inner_steps_evaluation": 3}
_FIVE: Mapping[str, Mapping[str, Any]] = {
    "task": _FIVE_WAYS,
    "outer": {"versions": 100, "meta_batch": 4, "job_size": 4, "lr": 5e-3},
    "evaluation": {"task": _FIVE_WAYS, "validation_tasks": 50, "test_tasks": 100},
    "network": {"norm": "batch"},
}
"""Tasks that an inner loop of few steps learns from soon: fewer ways, each set normalised by itself."""
_DRAWN: Mapping[str, Mapping[str, Any]] = {
    "outer": {"versions": 100, "meta_batch": 4, "job_size": 4},
    "network": {"norm": "batch"},
}
"""The study's own tasks, four a job, so that a draw has three others to be better than."""
DRAWS = 50

SEARCHES: Mapping[str, Search] = {
    "one level": Search({"name": "prototypical"}, {"name": "backpropagation"}),
    "T-NAS, first order": Search(_STEPPING, {"name": "first_order"}, _FIVE),
    "T-NAS": Search(_STEPPING, {"name": "backpropagation"}, _FIVE),
    "DARTS, first order": Search(_ONE_FOR_ALL, {"name": "darts", "order": "first"}, _FIVE),
    "DARTS": Search(_ONE_FOR_ALL, {"name": "darts"}, _FIVE),
    "ENAS": Search({"name": "prototypical"}, {"name": "enas"}, _DRAWN, DRAWS),
    "random search, weights shared": Search(
        {"name": "prototypical"}, {"name": "enas", "policy": "uniform"}, _DRAWN, DRAWS
    ),
}
LOGITS_LR = 0.1
"""Rate of the logits across tasks."""


def main() -> None:
    """Bring every run to its end, then write what was found."""
    options = _options()
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    found = json.loads(options.results.read_text()) if options.results.exists() else []
    if options.seeds:
        names = options.search or list(SEARCHES)
        found = _in_order([each for each in found if each["search"] not in names] + searched(options, names))
        options.results.write_text(json.dumps(found, indent=1) + "\n")
    table = read(options.table) if options.table.exists() else None
    publish(written(found, list(SEARCHES), table), options.output)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, default=Path(".phiforge/relaxed"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--search", choices=SEARCHES, action="append", help="only this one; may be given again")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--output", type=Path, default=None, help="a file to write the page to")
    return parser.parse_args()


def searched(options: argparse.Namespace, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what searches found with every seed; raises ServiceError if a run fails."""
    settings = Settings(home=options.home, redis_url="", store_url="")
    with Stack(settings, trainers=1) as stack:
        platform = Platform.open(settings)
        return [_row(platform, stack, name, SEARCHES[name], seed) for seed in range(options.seeds) for name in names]


def _in_order(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows by seed, and then in the order of the searches."""
    places = list(SEARCHES)
    return sorted(found, key=lambda each: (each["seed"], places.index(each["search"])))


def spec_of(name: str, search: Search, seed: int) -> dict[str, Any]:
    """Return the spec of a search: the base of the study of all cells, but for what searches and what it changes."""
    base = dict(read_study(STUDY, []).base)
    network = base["learner"]["network"] | {"name": "relaxed_cell"} | search.changes.get("network", {})
    outer = base["outer"] | search.changes.get("outer", {})
    outer["groups"] = [{"pattern": "architecture.*", "lr": LOGITS_LR}]
    last = {"every": outer["versions"]}
    return base | {
        "name": name.lower().replace(", ", "-").replace(" ", "-"),
        "seed": seed,
        "task": base["task"] | search.changes.get("task", {}),
        "learner": {**search.learner, "network": network},
        "estimator": dict(search.estimator),
        "outer": outer,
        "checkpoint": last,
        "evaluation": base["evaluation"] | search.changes.get("evaluation", {}) | last,
    }


def _row(platform: Platform, stack: Stack, name: str, search: Search, seed: int) -> dict[str, Any]:
    say(f"{name}, seed {seed}")
    report = complete(platform, spec_of(name, search, seed), Console(stderr=True), stack)
    if isinstance(report, str):
        raise ServiceError(f"{name}, seed {seed}, failed: {report}")
    edges = report["architecture"]["edges"]["normal"]
    jobs = [job for entry in platform.record.log(report["run"]) for job in entry[OBSERVED]["jobs"]]
    row = {
        "search": name,
        "seed": seed,
        "cell": [each["operation"] for each in edges.values()],
        "mixture": round(report["test"]["accuracy"], 4),
        "tasks": report["tasks_seen"],
        "version": report["best_version"],
        "seconds": round(sum(float(job["compute_seconds"]) for job in jobs), 1),
    }
    if search.draws:
        best = chosen(platform, report["run"], search.draws)
        row |= {"cell": best.cell, "discrete": best.test, "drawn": best.drawn}
    else:
        row["discrete"] = _discrete(platform, report["run"], search)
    shares = zip(row["cell"], edges.values(), strict=True)
    return row | {"weights": [round(each["weights"][operation], 3) for operation, each in shares]}


def _discrete(platform: Platform, run: str, search: Search) -> float | None:
    """Return the accuracy on test tasks with one operation an edge, without any training again, if the learner can."""
    if search.learner["name"] != "meta_nas":
        return None
    record = platform.run(run)
    spec = parse_spec(changed_spec(record, ["learner.discretise=at_the_end"]))
    phi = platform.checkpoints.load(run, platform.record.report(run)["best_version"]).phi
    tasks = Tasks(spec, pool=Pool(load(record.dataset, platform.store)))
    return round(judge(spec, phi, tasks.judged("test"), "test")["accuracy"].mean, 4)


if __name__ == "__main__":
    main()
