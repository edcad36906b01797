"""Searches a space of 244 million pairs of cells, and trains what was found from the start, beside Conv-4.

    python -m benchmarks.architectures.larger [--minutes 45] [--seeds 3] [--output docs/results/architectures-larger.md]

The search is `specs/studies/cells-larger.yaml`, on maps of half the side that those have which are trained after. Every
run goes through the queue of an embedded stack. State stays in ``--home``: called again, it goes on where it was. What
came of it is kept in ``larger.json``; ``--seeds 0`` only writes the page.
"""

import argparse
import json
import os
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.architectures.enumeration import SECONDS, brought_to_its_end, earlier, seconds_of_jobs
from benchmarks.architectures.larger_report import CHANCE, CONV4, FOUND, SLOWER, written
from benchmarks.omniglot import earlier as earlier_run
from benchmarks.page import publish, say
from phiforge.base.errors import ServiceError
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.learning.meta_training import judge
from phiforge.learning.start import first_phi, learner_for
from phiforge.registry import DATA
from phiforge.runs.datasets import load
from phiforge.runs.record import RunStatus
from phiforge.runs.settling import settled
from phiforge.spec.cells.edges import OPERATIONS, Operation
from phiforge.spec.read import parse_spec
from phiforge.spec.studies.trial import raw_of
from phiforge.tasks.drawing import Tasks
from phiforge.tasks.pool import Pool
from phiforge_client.stack import Stack
from phiforge_client.studies.submission import read_study, submit_study
from phiforge_client.submission import submit

STUDY = Path("specs/studies/cells-larger.yaml")
RESULTS = Path(__file__).parent / "larger.json"
TRAINERS = 2
BUDGET = 1000
"""Versions of two tasks."""
RATES = {"cell": 5e-3, "conv4": 2e-3}
"""Of the networks: that which short runs of cells learned best with, and that of the ready-made spec."""
FIVE, TWENTY = ({"n_way": ways, "k_shot": 1, "n_query": 5} for ways in (5, 20))

Network = Mapping[str, Any]


class Arm(NamedTuple):
    """One run: what it stands for, its seed, its network, and how many versions of two tasks it has."""

    name: str
    seed: int
    network: Network
    versions: int = BUDGET


def main() -> None:
    """Search, train what was found and what it is held against, and write."""
    options = _options()
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    found = json.loads(options.results.read_text()) if options.results.exists() else {}
    if options.seeds:
        found = _measured(options)
        options.results.write_text(json.dumps(found, indent=1) + "\n")
    publish(written(found), options.output)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=45.0, help="of the search")
    parser.add_argument("--home", type=Path, default=Path(".phiforge/larger"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--output", type=Path, default=None, help="a file to write the page to")
    return parser.parse_args()


def _measured(options: argparse.Namespace) -> dict[str, Any]:
    settings = Settings(home=options.home, redis_url="", store_url="")
    with Stack(settings, TRAINERS, evaluators=1) as stack:
        platform = Platform.open(settings)
        search = searched(platform, stack, options.minutes)
        rows = trained(platform, stack, arms(search["network"], options.seeds))
        return {"search": search, "rows": rows + trained(platform, stack, of_equal_time(rows, options.seeds))}


def searched(platform: Platform, stack: Stack, minutes: float) -> dict[str, Any]:
    """Return what the search found, and how many trials it came to; raises ServiceError if it found nothing."""
    spec = read_study(STUDY, [f"budget.minutes={minutes}"])
    study = earlier(platform, spec) or submit_study(platform, spec)
    view = brought_to_its_end(platform, study, stack)
    if view.best is None:
        raise ServiceError(f"study {study} found nothing")
    found = parse_spec(raw_of(spec, view.found.proposals[view.best.number].point))
    values = [each.value for _, each in sorted(view.found.results.items())]
    network = found.learner.model_dump(mode="json")["network"] | {"stem_stride": 1}
    return {"minutes": minutes, "values": values, "trial": view.best.number, "network": network}


def arms(found: Network, seeds: int) -> list[Arm]:
    """Return what is trained first: what was found, what chance finds (other cells each seed), Conv-4 of equal size."""
    equal = conv4(channels_of(parameters_of(found)))
    return [
        each
        for seed in range(seeds)
        for each in (
            Arm(FOUND, seed, found),
            Arm(CHANCE, seed, with_operations(found, random.Random(seed).choice)),
            Arm(CONV4, seed, equal),
        )
    ]


def of_equal_time(rows: Sequence[Mapping[str, Any]], seeds: int) -> list[Arm]:
    """Return Conv-4 again, trained on so many tasks that its jobs take as long as those of what was found."""
    took = {name: statistics.median(row["seconds"] for row in rows if row["arm"] == name) for name in (FOUND, CONV4)}
    network = next(row["network"] for row in rows if row["arm"] == CONV4)
    versions = round(BUDGET * took[FOUND] / took[CONV4] / 100) * 100
    return [Arm(SLOWER, seed, network, max(100, versions)) for seed in range(seeds)]


def trained(platform: Platform, stack: Stack, wanted: Sequence[Arm]) -> list[dict[str, Any]]:
    """Return a row for each, after bringing their runs to their ends; raises ServiceError if one fails."""
    runs = [_run(platform, spec_of(each)) for each in wanted]
    while going := [run for run in runs if platform.record.status(run) is RunStatus.RUNNING]:
        stack.check()
        say(f"{len(runs) - len(going)} of {len(runs)} runs are over")
        time.sleep(6 * SECONDS)
    return [_row(platform, each, run) for each, run in zip(wanted, runs, strict=True)]


def spec_of(arm: Arm) -> dict[str, Any]:
    """Return the spec of a run: 20-way tasks to learn from, 5-way 1-shot ones to be judged by, real Omniglot."""
    return {
        "name": arm.name.replace(",", "").replace(" ", "-").lower(),
        "seed": arm.seed,
        "data": {"name": "omniglot", "split": "half", "rotations": True, "image_size": 28},
        "task": TWENTY,
        "learner": {"name": "prototypical", "network": dict(arm.network)},
        "outer": {
            "versions": arm.versions,
            "meta_batch": 2,
            "job_size": 2,
            "lr": RATES[arm.network["name"]],
            "schedule": "cosine",
        },
        "checkpoint": {"every": arm.versions // 4},
        "evaluation": {"every": arm.versions // 4, "validation_tasks": 200, "test_tasks": 600, "task": FIVE},
    }


def with_operations(network: Network, choose: Callable[[Sequence[Operation]], Operation]) -> Network:
    """Return a network of cells with other operations on its edges."""
    cells = {kind: {edge: choose(OPERATIONS) for edge in network[kind]} for kind in ("normal", "reduction")}
    return {**network, **cells}


def parameters_of(network: Network) -> int:
    """Return how many numbers a prototypical network of it has."""
    spec = parse_spec(spec_of(Arm("counted", 0, network)))
    learner = learner_for(spec, spec.task, DATA[spec.data.name].input_shape(spec.data))
    return sum(value.numel() for value in first_phi(spec, learner).values())


def channels_of(parameters: int) -> int:
    """Return how many filters a Conv-4 has that comes nearest to so many parameters."""
    sizes = ((abs(parameters_of(conv4(channels)) - parameters), channels) for channels in range(4, 129))
    return min(sizes)[1]


def conv4(channels: int) -> Network:
    """Return a Conv-4 with so many filters, normalised as the cells are."""
    return {"name": "conv4", "channels": channels, "norm": "batch"}


def _run(platform: Platform, raw: dict[str, Any]) -> str:
    """Return the run of a spec, which is submitted if it was not before."""
    return earlier_run(platform, settled(parse_spec(raw), "cpu").hash) or submit(platform, raw)


def _row(platform: Platform, arm: Arm, run: str) -> dict[str, Any]:
    if platform.record.status(run) is not RunStatus.COMPLETE:
        raise ServiceError(f"{arm.name}, seed {arm.seed}: run {run} is {platform.record.status(run)}")
    report = platform.record.report(run)
    return {
        "arm": arm.name,
        "seed": arm.seed,
        "network": dict(arm.network),
        "parameters": report["parameters"],
        "tasks": report["tasks_seen"],
        "five": report["test"]["accuracy"],
        "twenty": _twenty_way(platform, run, report["best_version"]),
        "seconds": round(seconds_of_jobs(platform, run), 1),
    }


def _twenty_way(platform: Platform, run: str, version: int) -> float:
    """Return the accuracy on 20-way test tasks: harder, so that networks differ more."""
    record = platform.run(run)
    raw = record.spec.model_dump(mode="json")
    spec = parse_spec(raw | {"evaluation": raw["evaluation"] | {"task": TWENTY, "test_tasks": 200}})
    tasks = Tasks(spec, pool=Pool(load(record.dataset, platform.store)))
    phi = platform.checkpoints.load(run, version).phi
    return round(judge(spec, phi, tasks.judged("test"), "test")["accuracy"].mean, 4)


if __name__ == "__main__":
    main()
