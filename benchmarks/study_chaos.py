"""A study of 64 trials under faults, and once more undisturbed: the same proposals, values and φ of every trial.

Each trial is a small run of second-order MAML on sinusoids; the second and later generations follow from what came of
those before. While it goes on, everything is killed, Redis is wiped, and whoever moves the study dies half way through
each of its moves, one fault after every few trials.

    python -m benchmarks.study_chaos [--trials 64] [--versions 4] [--output FILE]
"""

import sys
import tempfile
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.page import machine, parser, publish, say, table, versions
from phiforge.base.fault_points import OF_STUDIES
from phiforge.base.settings import Settings
from phiforge.runs.studies.found import Found
from phiforge.runs.studies.look import studies_of
from phiforge.runs.studies.outcome import StudyStatus, run_of_trial
from phiforge.search.read import parse_study
from phiforge_client.chaos.faults.processes import kill_everything
from phiforge_client.chaos.spec import small_run
from phiforge_client.chaos.stage import Stage, own_stage
from phiforge_client.chaos.verdict import hashes
from phiforge_client.studies.submission import submit_study

TRAINERS, GENERATION = 2, 8
EVERY = 4
"""Trials that are over between two faults."""
MOST_SECONDS = 1500.0

Fault = tuple[str, Callable[[Stage], Any]]

PAGE = """# A study of {trials} trials under faults

`python -m benchmarks.study_chaos --trials {trials} --versions {versions}` writes this: regularised evolution over an
inner rate and an optimiser, {generation} trials a generation, {trainers} trainers, one sampler, one evaluator."""
COLUMNS = ("", "seconds", "faults", "processes that died", "trials", "best trial", "its φ")


class Outcome(NamedTuple):
    """What a study came to: points and values by trial, the hash of φ at every version of each; and how it was."""

    told: list[tuple[dict[str, Any], float | None, Any]]
    best: tuple[int, str]
    seconds: float
    faults: int
    deaths: int


def main() -> int:
    """Go through the study twice, and say whether both came to the same."""
    arguments = parser(__doc__)
    arguments.add_argument("--trials", type=int, default=64)
    arguments.add_argument("--versions", type=int, default=4, help="of each trial")
    options = arguments.parse_args()
    study = study_of(options.trials, options.versions)
    calm = on_stage(study, [])
    stormy = on_stage(study, faults())
    same = calm.told == stormy.told
    rows = [row("undisturbed", calm), row("under faults", stormy)]
    said = (
        f"Proposals, values and the hash of φ at every version of every trial: {'the same' if same else 'DIFFERENT'}."
    )
    head = PAGE.format(trials=options.trials, versions=options.versions, generation=GENERATION, trainers=TRAINERS)
    publish([head, "", f"{machine()};", f"{versions()}.", "", *table(COLUMNS, rows), "", said], options.output)
    return int(not same)


def study_of(trials: int, length: int) -> dict[str, Any]:
    """Return the raw study."""
    return {
        "name": "chaos",
        "base": small_run(length, checkpoint_every=2),
        "space": {
            "learner.inner_lr": {"type": "log", "low": 0.001, "high": 0.1},
            "outer.optimizer.name": {"type": "choice", "values": ["adam", "sgd"]},
        },
        "proposer": {"name": "regularised_evolution", "population": GENERATION, "sample": 2},
        "budget": {"trials": trials},
        "generation": GENERATION,
    }


def faults() -> list[Fault]:
    """Return what befalls the study, in turn."""
    at_points = [
        (f"{point} killed", lambda stage, point=point: stage.own.order(f"{point}=kill")) for point in OF_STUDIES
    ]
    return [("everything killed", kill_everything), ("Redis wiped", _wipe), *at_points]


def _wipe(stage: Stage) -> None:
    stage.platform.exchange.redis.flushall()


def on_stage(study: dict[str, Any], befall: list[Fault]) -> Outcome:
    """Go through a study on a fleet of its own; a fault befalls it after every few trials."""
    with tempfile.TemporaryDirectory(prefix="study-chaos-") as folder:
        settings = Settings(home=Path(folder), stall_seconds=1.0, lease_seconds=2.0)
        with own_stage(settings, TRAINERS, 0, 1.0, use_s3=False) as stage:
            return go_through(stage, study, befall)


def go_through(stage: Stage, study: dict[str, Any], befall: list[Fault]) -> Outcome:
    """Submit a study and return what it came to."""
    studies, begun, done, turn = studies_of(stage.platform), time.monotonic(), 0, cycle(befall)
    submitted = submit_study(stage.platform, parse_study(study))
    while studies.status(submitted) is StudyStatus.RUNNING or stage.platform.record.active() or studies.active():
        if time.monotonic() - begun > MOST_SECONDS:
            raise TimeoutError(f"the study is not over after {MOST_SECONDS:g} s")
        stage.own.tend()
        if befall and len(Found.of(studies, submitted).results) >= EVERY * (done + 1):
            name, act = next(turn)
            say(f"{time.monotonic() - begun:6.1f} s: {name}")
            act(stage)
            done += 1
        time.sleep(0.1)
    seconds = time.monotonic() - begun
    stage.own.withdraw()
    return outcome(stage, submitted, seconds, done)


def outcome(stage: Stage, submitted: str, seconds: float, faults: int) -> Outcome:
    """Return what a study came to, once it is seen that each trial was a run, once."""
    found, spec = (
        Found.of(studies_of(stage.platform), submitted),
        studies_of(stage.platform).read(submitted).read_spec(),
    )
    runs = [run_of_trial(submitted, each.number) for each in found.proposals]
    if [run for run in stage.platform.record.runs() if run.startswith(submitted)] != runs:
        raise AssertionError("there are other runs than trials")
    told = [
        (dict(each.point), found.results[each.number].value, hashes(stage.platform, run))
        for each, run in zip(found.proposals, runs, strict=True)
    ]
    best = found.best(spec)
    return Outcome(told, (best.number, best.phi_hash) if best else (-1, ""), seconds, faults, len(stage.own.deaths))


def row(name: str, found: Outcome) -> tuple[str, ...]:
    """Return what one way came to, as a row."""
    number, phi = found.best
    counts = (str(found.faults), str(found.deaths), str(len(found.told)))
    return (name, f"{found.seconds:.0f}", *counts, str(number), phi[:12])


if __name__ == "__main__":
    sys.exit(main())
