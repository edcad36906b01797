"""Services: each serves one queue until it is told to stop; and chaos for all of them."""

from typing import Annotated

import typer

from phiforge.base.environment import read_settings
from phiforge_client.commands.opening import open_for_service
from phiforge_client.commands.options import AsJson, Quiet
from phiforge_client.commands.output import answer, screen

app = typer.Typer()


@app.command(rich_help_panel="Services")
def sampler() -> None:
    """Serve the sampling queue: datasets -> episodes -> object storage."""
    from phiforge_sampler.service import run

    run(open_for_service())


@app.command(rich_help_panel="Services")
def trainer() -> None:
    """Serve the training queue: meta-batch jobs -> contributions -> the next φ. Start one per core or GPU."""
    from phiforge_trainer.service import run

    run(open_for_service())


@app.command(rich_help_panel="Services")
def evaluator() -> None:
    """Serve the evaluation queue: query scores -> metrics, reports, the best φ."""
    from phiforge_evaluator.service import run

    run(open_for_service())


@app.command(rich_help_panel="Services")
def chaos(
    seed: Annotated[int, typer.Option(help="Names the schedule: the same faults at the same versions.")] = 0,
    minutes: Annotated[float, typer.Option(min=0.0, help="Begin no run later than this.")] = 5.0,
    faults: Annotated[str, typer.Option(metavar="KIND,KIND", help="Only these kinds; default: all possible.")] = "",
    versions: Annotated[int, typer.Option(min=20, help="Outer updates of each run.")] = 150,
    outage: Annotated[float, typer.Option(min=0.1, help="Seconds that a server stays away.")] = 20.0,
    attach: Annotated[bool, typer.Option("--attach", help="Your own fleet, through its broker and store.")] = False,
    pid: Annotated[
        list[int] | None, typer.Option(help="With --attach: a service's process that may be killed.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Inject faults into runs and prove that φ does not notice: hashes equal at every version, or exit code 1."""
    from phiforge_client.chaos.command import Plan, attach_chaos, run_chaos

    plan = Plan(seed, minutes, [kind for kind in faults.split(",") if kind], versions)
    shown = screen(as_json)
    if attach:
        runs = attach_chaos(read_settings(), shown, plan, pid or [])
    else:
        runs = run_chaos(read_settings(), shown, plan, outage)
    answer([run.to_json() for run in runs], as_json, [], lambda: None)
