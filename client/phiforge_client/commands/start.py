"""The first commands: the demo, and the embedded stack."""

from typing import Annotated

import typer
from rich.markup import escape

from phiforge.base.environment import read_settings
from phiforge_client import completion
from phiforge_client.commands.options import AsJson, Quiet, Trainers
from phiforge_client.commands.output import answer, console, echo_json, say, screen

app = typer.Typer()


@app.command(rich_help_panel="Start here")
def demo(trainers: Trainers = None, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Meta-train MAML and ProtoNet on this machine in minutes, against two baselines: the whole pipeline, no set-up."""
    from phiforge_client.demo import run_demo

    reports = run_demo(read_settings(), screen(as_json), trainers)
    answer(reports, as_json, [], lambda: None)


@app.command(rich_help_panel="Start here")
def up(
    trainers: Trainers = None,
    evaluators: Annotated[int, typer.Option(min=1, help="Evaluator processes.")] = 1,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="In the background, until `phiforge down`.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Start the embedded stack (Redis, sampler, trainers, evaluators) on this machine, until Ctrl-C."""
    from phiforge_client.embedded import run_stack

    if detach:
        _detach(trainers, evaluators, as_json)
    else:
        run_stack(read_settings(), screen(as_json), trainers, evaluators, ready=echo_json if as_json else None)


def _detach(trainers: int | None, evaluators: int, as_json: bool) -> None:
    from phiforge_client.background.detached import start

    settings = read_settings()
    options = ["--evaluators", str(evaluators), *(["--trainers", str(trainers)] if trainers else [])]
    with screen(as_json).status("starting"):
        state, new = start(settings, options)
    word = "started" if new else "runs already"
    said = f"the stack {word} in {settings.home.resolve()}, process {state.supervisor.pid}"
    found = {"started": new, "home": str(settings.home.resolve()), "stack": state.to_json()}
    answer(found, as_json, [], lambda: say(escape(f"{said}; `phiforge status` shows it, `phiforge down` stops it")))


@app.command(rich_help_panel="Start here")
def status(as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Show which home this is, and whether a stack runs there; exit code 1 if none does."""
    from phiforge_client.background.status import print_status, status_of

    settings = read_settings()
    found = status_of(settings)
    answer(found, as_json, [], lambda: print_status(console, settings))
    if not found["running"]:
        raise SystemExit(1)


@app.command(rich_help_panel="Start here")
def down(as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Stop the embedded stack of this home, wherever it was started; runs go on when it is up again."""
    from phiforge_client.background.detached import stop

    settings = read_settings()
    with screen(as_json).status("stopping"):
        state = stop(settings)
    home = settings.home.resolve()
    said = f"stopped the stack in {home}" if state else f"no stack runs in {home}"
    answer({"stopped": bool(state), "home": str(home)}, as_json, [], lambda: say(escape(said)))


@app.command(rich_help_panel="Start here")
def logs(
    service: Annotated[
        str, typer.Argument(metavar="SERVICE", help="trainer, trainer-0, redis, stack, ...; default: all.")
    ] = "",
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines of each.")] = 10,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written, until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what the programs of the embedded stack wrote last, and where their logs lie."""
    from phiforge_client.logs import followed, logs_of, tail

    found = logs_of(read_settings(), service)
    if as_json:
        echo_json([log.to_json(lines) for log in found])
        return
    for log in found:
        say(f"[bold]{escape(log.service)}[/bold]  {escape(str(log.path))}")
        for line in tail(log.path, lines):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
    for log, line in followed(found) if follow else ():
        console.print(f"{log.service}: {line}", highlight=False, markup=False, soft_wrap=True)


@app.command(rich_help_panel="Start here")
def specs(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Print this one, to begin your own with.", autocompletion=completion.specs),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """List the ready-made specs, each with what it trains; or print one: `phiforge specs NAME > my.yaml`."""
    from phiforge.spec.read import read_spec
    from phiforge_client.ready_made import description, names, path_of, text

    if name is not None:
        answer({name: read_spec(path_of(name), [])}, as_json, [], lambda: typer.echo(text(name), nl=False))
        return
    found = {each: description(each) for each in names()}
    answer(found, as_json, list(found), lambda: _list_specs(found))


def _list_specs(found: dict[str, str]) -> None:
    for name, what in found.items():
        say(f"[bold]{name}[/bold]  {escape(what)}")


@app.command(rich_help_panel="Start here")
def explain(
    field: Annotated[
        str,
        typer.Argument(
            metavar="FIELD",
            help="outer.lr, learner, learner.maml, ...; default: the whole spec.",
            autocompletion=completion.fields,
        ),
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


@app.command(rich_help_panel="Start here")
def doctor(as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Look whether all that is needed is there, and say what to do about what is not; exit code 1 if something fails.

    A few keys are written to the object storage and deleted again; on S3 the bucket is made if it is not there.
    """
    from phiforge_client.doctor.examine import examine, worst
    from phiforge_client.doctor.finding import State
    from phiforge_client.doctor.view import print_finding, summary

    found, shown = [], screen(as_json)
    for each in examine():
        found.append(each)
        print_finding(shown, each)
    bad = [f"{each.state}: {each.what}: {each.found}" for each in found if each.state is not State.OK]
    answer([each.to_json() for each in found], as_json, bad, lambda: say(summary(found)))
    if worst(found) is State.FAIL:
        raise SystemExit(1)
