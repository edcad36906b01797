"""Real studies on the space that was enumerated: each proposer trains a few cells through the queue of a stack."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.architectures.enumeration import NORMAL, brought_to_its_end, earlier
from benchmarks.architectures.searches import SEARCHES
from benchmarks.architectures.table import EDGES, Table
from benchmarks.page import say
from benchmarks.page import table as lines_of
from phiforge.base.errors import ServiceError
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.studies.outcome import StudyStatus
from phiforge_client.stack import Stack
from phiforge_client.studies.submission import read_study, submit_study

RESULTS = Path(__file__).parent / "real.json"
TRIALS, GENERATION = 16, 4
ENOUGH: Mapping[str, Mapping[str, Any]] = {
    "tpe": {"startup": 8},
    "regularised_evolution": {"population": 6, "sample": 3},
}
"""What is set of a proposer whose default is more random trials than there are."""

Found = Sequence[Mapping[str, Any]]


def run_studies(study: Path, home: Path, seeds: int) -> Found:
    """Return the trials of each proposer with each seed; raises ServiceError if a study comes to nothing."""
    settings = Settings(home=home, redis_url="", store_url="")
    with Stack(settings, trainers=2, evaluators=1) as stack:
        platform = Platform.open(settings)
        return [_row(platform, stack, study, name, seed) for name in SEARCHES for seed in range(seeds)]


def _row(platform: Platform, stack: Stack, study: Path, name: str, seed: int) -> dict[str, Any]:
    say(f"{name}, seed {seed}")
    proposer = json.dumps({"name": name, **ENOUGH.get(name, {})})
    spec = read_study(
        study, [f"proposer={proposer}", f"seed={seed}", f"budget.trials={TRIALS}", f"generation={GENERATION}"]
    )
    mine = earlier(platform, spec) or submit_study(platform, spec)
    view = brought_to_its_end(platform, mine, stack)
    if view.status is not StudyStatus.COMPLETE or view.best is None:
        raise ServiceError(f"study {mine} is {view.status}: {view.reason}")
    trials = [
        {
            "cell": [proposal.point[NORMAL + edge] for edge in EDGES],
            "seed": proposal.point["seed"],
            "value": round(view.found.results[proposal.number].value or 0.0, 5),
        }
        for proposal in view.found.proposals
    ]
    return {"search": name, "seed": seed, "best": view.best.number, "trials": trials}


def written(found: Found, table: Table) -> Iterator[str]:
    """Yield the section about them."""
    every = [trial for each in found for trial in each["trials"]]
    same = sum(trial["value"] == table.validation(tuple(trial["cell"]), trial["seed"]) for trial in every)
    names = list(dict.fromkeys(each["search"] for each in found))
    settings = "; ".join(f"`{name}`: {_settings(ENOUGH[name])}" for name in names if name in ENOUGH)
    yield "\n## Real studies\n"
    yield (
        f"`python -m benchmarks.architectures real`: studies of {TRIALS} trials, {GENERATION} at a time, each trial a "
        f"cell with one seed, trained through the queue. Defaults, but for {settings}: else all trials would be drawn "
        f"at random. Of their {len(every)} values {same} are the table's, to its five digits.\n"
    )
    yield from lines_of(
        ("search", "regret of what each study found, in points", "the cell"),
        (_summary(name, found, table) for name in names),
    )


def _summary(name: str, found: Found, table: Table) -> tuple[str, str, str]:
    cells = [tuple(each["trials"][each["best"]]["cell"]) for each in found if each["search"] == name]
    regrets = ", ".join(f"{100 * table.regret(cell):.2f}" for cell in cells)
    return name, regrets, "; ".join(map(_words, cells))


def _words(cell: Iterable[str]) -> str:
    return " ".join(cell)


def _settings(values: Mapping[str, Any]) -> str:
    return ", ".join(f"`{name}: {value}`" for name, value in values.items())
