"""Trains every cell as one study, through the queue of an embedded stack, and writes the table of what came of them."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.architectures.table import EDGES, Row, write
from benchmarks.page import say
from phiforge.base.errors import ServiceError
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.registry import DATA
from phiforge.runs.commit_log import OBSERVED
from phiforge.runs.record import RunStatus
from phiforge.runs.studies.outcome import StudyStatus
from phiforge.runs.studies.record import Studies
from phiforge.spec.cells.config import CellConfig
from phiforge.spec.cells.counts import counts
from phiforge.spec.studies.study import StudySpec
from phiforge_client.stack import Stack
from phiforge_client.studies.submission import submit_study
from phiforge_client.studies.view import StudyView, view_of_study

SECONDS = 5.0
"""Between two looks."""
NORMAL = "learner.network.normal."


def enumerate_cells(spec: StudySpec, home: Path, output: Path, trainers: int, evaluators: int = 1) -> None:
    """Bring a study to its end, going on with one of the same spec if there is one, and write its table.

    Raises ServiceError if a process of the stack dies, or if the study or one of its trials comes to nothing.
    """
    settings = Settings(home=home, redis_url="", store_url="")
    with Stack(settings, trainers, evaluators) as stack:
        platform = Platform.open(settings)
        study = earlier(platform, spec) or submit_study(platform, spec)
        view = brought_to_its_end(platform, study, stack)
        write(list(rows(platform, view)), output)


def earlier(platform: Platform, spec: StudySpec) -> str | None:
    """Return the study of the same spec that was begun before, if any."""
    studies = Studies(platform.store)
    return next((study for study in studies.all() if studies.read(study).spec_hash == spec.hash), None)


def brought_to_its_end(platform: Platform, study: str, stack: Stack) -> StudyView:
    """Wait until a study is over and so are all its runs, whose test tasks come after what the study looks at.

    Raises ServiceError if a process of the stack dies, or if the study comes to nothing.
    """
    said = -1
    while not (view := view_of_study(platform, study)).over or _go_on(platform, view):
        stack.check()
        if len(view.found.results) != said:
            said = len(view.found.results)
            say(f"{study}: {view.budget}")
        time.sleep(SECONDS)
    if view.status is not StudyStatus.COMPLETE:
        raise ServiceError(f"study {study} is {view.status}: {view.reason}")
    return view


def _go_on(platform: Platform, view: StudyView) -> bool:
    runs = [result.run for result in view.found.results.values() if result.run]
    return any(platform.record.status(run) is RunStatus.RUNNING for run in runs)


def rows(platform: Platform, view: StudyView) -> Iterator[Row]:
    """Yield the row of each trial that is complete; raises ServiceError of one that is not."""
    for proposal in view.found.proposals:
        result, run = view.found.results[proposal.number], view.run_of(proposal)
        if result.value is None or platform.record.status(run) is not RunStatus.COMPLETE:
            raise ServiceError(f"trial {proposal.number} is {result.end}: {result.why}")
        report, spec = platform.record.report(run), platform.record.run(run).spec
        cost = counts(_network(spec), DATA[spec.data.name].input_shape(spec.data))
        seconds = seconds_of_jobs(platform, run)
        cell = tuple(proposal.point[NORMAL + edge] for edge in EDGES)
        test = round(report["test"]["accuracy"], 5)
        yield Row(cell, proposal.point["seed"], round(result.value, 5), test, *cost, round(seconds, 2))


def _network(spec: Any) -> CellConfig:
    network = spec.learner.network
    if not isinstance(network, CellConfig):
        raise TypeError(f"network {network.name!r} has no cells")
    return network


def seconds_of_jobs(platform: Platform, run: str) -> float:
    """Return the seconds that all jobs of a run took, of those that were kept."""
    return sum(float(job["compute_seconds"]) for entry in platform.record.log(run) for job in entry[OBSERVED]["jobs"])
