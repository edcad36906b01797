"""The first commands: the demo, and the embedded stack."""

from typing import Annotated

import typer
from rich.markup import escape

from phiforge.base.environment import read_settings
from phiforge_client.commands.options import AsJson, Trainers
from phiforge_client.commands.output import console, echo_json, say

app = typer.Typer()


@app.command(rich_help_panel="Start here")
def demo(trainers: Trainers = None) -> None:
    """Meta-train MAML and ProtoNet on this machine in minutes, against two baselines: the whole pipeline, no set-up."""
    from phiforge_client.demo import run_demo

    run_demo(read_settings(), console, trainers)


@app.command(rich_help_panel="Start here")
def up(
    trainers: Trainers = None,
    evaluators: Annotated[int, typer.Option(min=1, help="Evaluator processes.")] = 1,
) -> None:
    """Start the embedded stack (Redis, sampler, trainers, evaluators) on this machine, until Ctrl-C."""
    from phiforge_client.embedded import run_stack

    run_stack(read_settings(), console, trainers, evaluators)


@app.command(rich_help_panel="Start here")
def specs(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Print this one, to begin your own with.")] = None,
) -> None:
    """List the ready-made specs, each with what it trains; or print one: `phiforge specs NAME > my.yaml`."""
    from phiforge_client.ready_made import description, names, text

    if name is not None:
        typer.echo(text(name), nl=False)
        return
    for each in names():
        say(f"[bold]{each}[/bold]  {escape(description(each))}")


@app.command(rich_help_panel="Start here")
def explain(
    field: Annotated[
        str, typer.Argument(metavar="FIELD", help="outer.lr, learner, learner.maml, ...; default: the whole spec.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Explain a field, section or part of a spec: its type, range, default, what it is for, and its source."""
    from phiforge.spec.explain import explain as explanation
    from phiforge_client.explain_view import print_explanation

    found = explanation(field)
    if as_json:
        echo_json(found.to_json())
    else:
        print_explanation(console, found)
