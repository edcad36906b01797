"""``phiforge chaos``: an undisturbed run, then run after run under a seeded schedule of faults, then the verdict."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import NamedTuple

from rich.console import Console

from phiforge.base.errors import ServiceError
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge_client.chaos.campaign import Disturbed, disturbed, undisturbed
from phiforge_client.chaos.faults import KINDS
from phiforge_client.chaos.schedule import schedule
from phiforge_client.chaos.spec import small_run
from phiforge_client.chaos.stage import Stage, own_stage
from phiforge_client.chaos.tally import table
from phiforge_client.servers import weed_binary

TRAINERS = 3
VERSIONS = 150
FAULTS_A_RUN = 3
OUTAGE_SECONDS = 20.0
BRIEF_SECONDS = 3.0
"""How long a fault lasts that comes on top of an operator's own work."""

MOST_STILL_SECONDS = 90.0
"""No run may stand still for longer, outages not counted: more than any pause between two resends."""


class Plan(NamedTuple):
    """What to inject: ``faults`` are kinds, all that are possible if none is named."""

    seed: int
    minutes: float
    faults: Sequence[str]
    versions: int = VERSIONS


def run_chaos(
    settings: Settings, console: Console, plan: Plan, outage_seconds: float = OUTAGE_SECONDS
) -> list[Disturbed]:
    """Disturb runs on an embedded stack of its own; raises ServiceError if φ noticed, or a run stood still."""
    home = settings.home / "chaos" / time.strftime("%Y%m%d-%H%M%S")
    settings = settings.model_copy(update={"home": home, "redis_url": "", "store_url": ""})
    console.print(f"Phiforge chaos: {TRAINERS} trainers, seed {plan.seed}; state in {home}", highlight=False)
    with own_stage(settings, TRAINERS, plan.seed, outage_seconds, use_s3=_has_weed(console)) as stage:
        return _campaign(stage, console, plan)


def attach_chaos(settings: Settings, console: Console, plan: Plan, pids: Sequence[int]) -> list[Disturbed]:
    """Disturb runs on the operator's own fleet, through its broker and its store, and by killing the ``pids`` given."""
    with _open(settings) as platform:
        platform.exchange.check()
        console.print(f"Phiforge chaos: the fleet {settings.namespace!r}, seed {plan.seed}", highlight=False)
        return _campaign(Stage(platform, Random(plan.seed), BRIEF_SECONDS, pids=pids), console, plan)


def possible_kinds(stage: Stage, asked: Sequence[str]) -> list[str]:
    """Return the kinds to inject; raises ServiceError if one of those asked for is impossible here."""
    possible = [name for name, kind in KINDS.items() if kind.possible(stage)]
    if wrong := [name for name in asked if name not in possible]:
        raise ServiceError(f"cannot inject {', '.join(wrong)} here; possible are: {', '.join(possible)}")
    return list(asked) or possible


def _campaign(stage: Stage, console: Console, plan: Plan) -> list[Disturbed]:
    kinds, spec = possible_kinds(stage, plan.faults), small_run(plan.versions, checkpoint_every=10)
    console.print(f"faults: {', '.join(kinds)}", highlight=False, soft_wrap=True)
    reference = undisturbed(stage, spec, MOST_STILL_SECONDS)
    console.print(f"undisturbed: {len(reference)} versions, φ {reference[-1][1][:12]}", highlight=False)
    end, runs = time.monotonic() + 60 * plan.minutes, list[Disturbed]()
    for injections in schedule(plan.seed, kinds, plan.versions, FAULTS_A_RUN):
        runs.append(disturbed(stage, spec, injections, reference, MOST_STILL_SECONDS))
        console.print(_line(runs[-1]), highlight=False, soft_wrap=True)
        if time.monotonic() > end:
            break
    console.print(table(runs))
    _conclude(stage, console, runs)
    return runs


def _line(run: Disturbed) -> str:
    befell = ", ".join(fault.kind for fault in run.faults)
    return f"{run.verdict.run}: {befell}: " + ("equal" if run.verdict.equal else "; ".join(run.verdict.differences))


def _conclude(stage: Stage, console: Console, runs: Sequence[Disturbed]) -> None:
    if crashes := stage.fleet.crashes() if stage.fleet else []:
        ends = "\n".join(f"{death.name} ended with {death.exit_code}:\n{death.log_tail}" for death in crashes)
        raise ServiceError(f"services ended that nobody killed:\n{ends}")
    if unequal := [run.verdict.run for run in runs if not run.verdict.equal]:
        raise ServiceError(f"φ is not that of the undisturbed run in {', '.join(unequal)}")
    still = max(run.longest_still for run in runs)
    console.print(
        f"{len(runs)} runs, φ equal at every version, every version committed once; "
        f"no run stood still for longer than {still:.1f} s",
        highlight=False,
        soft_wrap=True,
    )


@contextmanager
def _open(settings: Settings) -> Iterator[Platform]:
    platform = Platform.open(settings)
    try:
        yield platform
    finally:
        platform.close()


def _has_weed(console: Console) -> bool:
    try:
        weed_binary()
    except ServiceError as error:
        console.print(f"no faults of S3: {error}", highlight=False, soft_wrap=True)
        return False
    return True
