"""The ``phiforge`` command. Commands import what they need when they run, so that ``--help`` answers at once."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from client.mishaps import finish_output, is_mishap, make_output_safe, report_mishap, speaks_unicode
from phiforge.base.environment import read_settings
from phiforge.base.settings import Settings

if TYPE_CHECKING:
    from phiforge.fleet.platform import Platform
    from phiforge.runs.platform import RunPlatform

app = typer.Typer(
    name="phiforge",
    help="Meta-learning as a pipeline of services. Try `phiforge demo` first; settings are PHIFORGE_* variables.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
WAIT_FOR_STORE_SECONDS = 60.0
console = Console()

RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, its beginning or its last part.")]
Trainers = Annotated[int | None, typer.Option(min=1, help="Trainer processes; default: one per core.")]
SpecFile = Annotated[Path, typer.Argument(metavar="SPEC", help="A YAML or JSON file; ready-made ones are in specs/.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change a field: --set outer.lr=3e-4.")
]


@app.command(rich_help_panel="Start here")
def demo(trainers: Trainers = None) -> None:
    """Meta-train MAML and ProtoNet on this machine in minutes, against two baselines: the whole pipeline, no set-up."""
    from client.demo import run_demo

    run_demo(read_settings(), console, trainers)


@app.command(rich_help_panel="Start here")
def up(
    trainers: Trainers = None,
    evaluators: Annotated[int, typer.Option(min=1, help="Evaluator processes.")] = 1,
) -> None:
    """Start the embedded stack (Redis, sampler, trainers, evaluators) on this machine, until Ctrl-C."""
    from client.embedded import run_stack

    run_stack(read_settings(), console, trainers, evaluators)


@app.command(rich_help_panel="Runs")
def submit(
    spec: SpecFile,
    set_: Overrides = None,
    watch: Annotated[bool, typer.Option("--watch", help="Stay and watch the run until it is over.")] = False,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Own pictures: leave out what cannot be read.")
    ] = False,
    keep_first: Annotated[
        bool,
        typer.Option("--keep-first-of-duplicates", help="Own pictures: leave out a picture that stands elsewhere."),
    ] = False,
) -> None:
    """Check SPEC, publish its dataset and queue the run; a bad spec is refused with all its problems."""
    from client.submission import submit as submit_run
    from phiforge.spec.read import read_spec

    chosen = ["data.unreadable=skip"] * skip_unreadable + ["data.duplicates=keep_first"] * keep_first
    raw = read_spec(spec, [*(set_ or []), *chosen])
    platform = _open()
    _expect_redis(platform)
    with _progress() as report:
        run = submit_run(platform, raw, report)
    _say(f"queued [bold]{run}[/bold]; see it with `phiforge watch {run}`")
    if watch:
        _watch(platform, [run])


@app.command(rich_help_panel="Runs")
def runs() -> None:
    """List every run, in order of submission: where it is and how well it does."""
    from client.table import print_table
    from client.view import all_views

    platform = _look()
    if views := all_views(platform):
        print_table(console, views)
    else:
        _say(f"there is no run in {escape(platform.store.url)}; PHIFORGE_HOME and PHIFORGE_STORE_URL say where to look")


@app.command(rich_help_panel="Runs")
def watch(run: RunId) -> None:
    """Watch RUN until it is over; Ctrl-C stops watching, not the run."""
    from phiforge.runs.record import RunStatus

    platform, run = _look_at(run)
    if platform.record.status(run) is RunStatus.RUNNING:
        platform.exchange.check()
    _watch(platform, [run])


@app.command(rich_help_panel="Runs")
def show(run: RunId) -> None:
    """Print RUN's spec, and its report (or why it ended) as JSON."""
    from phiforge.runs.not_finite import not_finite_steps
    from phiforge.runs.record import RunStatus

    platform, run = _look_at(run)
    submitted = platform.record.submitted(run)
    status = platform.record.status(run)
    shown: dict[str, Any] = {
        "run": run,
        "status": status,
        "dataset": submitted.dataset,
        "spec": submitted.spec,
    }
    if submitted.parent:
        shown["parent"] = submitted.parent._asdict()
    if status is RunStatus.COMPLETE:
        shown["report"] = platform.record.report(run)
    elif status is not RunStatus.RUNNING:
        shown["reason"] = platform.record.end_reason(run, status)
    elif damaged := platform.record.damaged_report(run):
        shown["reason"] = f"{damaged}; `phiforge resume {run}` has it written again"
    if status is RunStatus.FAILED and (kept := not_finite_steps(platform.store, run)):
        shown["not_finite"] = [found.model_dump() for found in kept]
        shown["replay"] = f"phiforge replay {run}"
    _echo_json(shown)


@app.command(rich_help_panel="Runs")
def replay(
    run: RunId,
    version: Annotated[int | None, typer.Option(min=0, help="Which, if there are several; default: the last.")] = None,
) -> None:
    """Compute the job whose loss stopped RUN again, as it was not finite, and print each of its episodes as JSON."""
    from client.replay import replay as replay_run

    platform, run = _open_at(run)
    _echo_json(replay_run(platform, run, version))


@app.command(rich_help_panel="Runs")
def cancel(run: RunId) -> None:
    """Stop RUN; `phiforge resume` lets it go on."""
    from client.submission import cancel as cancel_run

    platform, run = _open_at(run)
    _expect_redis(platform)
    cancel_run(platform, run)
    _say(f"cancelled {run}; `phiforge resume {run}` lets it go on")


@app.command(rich_help_panel="Runs")
def resume(run: RunId) -> None:
    """Let a cancelled or failed RUN go on from its newest checkpoint, to the same φ as if it had never stopped."""
    from client.submission import resume as resume_run

    platform, run = _open_at(run)
    _expect_redis(platform)
    resume_run(platform, run)
    _say(f"resumed {run}")


@app.command(rich_help_panel="Lineage")
def verify(
    run: RunId,
    version: Annotated[int | None, typer.Option(min=0, help="The version to compute again.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All versions, from the first checkpoint on.")] = False,
) -> None:
    """Compute versions of RUN again, by default those since its last checkpoint but one, and compare every hash."""
    from client.lineage_view import print_verified
    from client.verification import verify as verify_run

    if every and version is not None:
        raise typer.BadParameter("give --version or --all, not both")
    platform, run = _open_at(run)
    with console.status("reading") as status:
        verified = verify_run(
            platform, run, version, every=every, report=lambda done: status.update(f"version {done} computed again")
        )
    print_verified(console, verified)
    if verified.differences:
        raise SystemExit(1)


@app.command(rich_help_panel="Lineage")
def why(
    run: RunId,
    version: Annotated[int | None, typer.Argument(metavar="VERSION", help="A version of φ.")] = None,
    item: Annotated[
        str | None, typer.Option(metavar="CLASS", help="Instead: the versions in which this class took part.")
    ] = None,
    drawing: Annotated[int | None, typer.Option(min=0, help="With --item: this drawing of the class alone.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the episodes and source items behind VERSION of RUN; or, with --item, the versions behind which one is."""
    from client.lineage_view import print_where, print_why
    from client.why import appearance_json, where
    from client.why import why as explain

    if (version is None) == (item is None) or (drawing is not None and item is None):
        raise typer.BadParameter("give a VERSION, or --item CLASS and maybe --drawing N")
    platform, run = _open_at(run)
    if item is not None:
        found = where(platform, run, item, drawing)
        if as_json:
            _echo_json([appearance_json(*each) for each in found])
        else:
            print_where(console, found)
        return
    assert version is not None
    explained = explain(platform, run, version)
    if as_json:
        _echo_json(explained.to_json())
    else:
        print_why(console, explained)


@app.command(rich_help_panel="Lineage")
def branch(
    run: RunId,
    at: Annotated[int, typer.Option("--at", min=0, metavar="VERSION", help="The version to go on from.")],
    set_: Overrides = None,
    watch: Annotated[bool, typer.Option("--watch", help="Stay and watch the new run until it is over.")] = False,
) -> None:
    """Queue a new run that goes on from VERSION of RUN: to the same φ or, with --set, another way."""
    from client.branching import branch as branch_run

    platform, run = _open_at(run)
    _expect_redis(platform)
    with _progress() as report:
        new = branch_run(platform, run, at, set_ or [], report)
    _say(f"queued [bold]{new}[/bold], from version {at} of {run}")
    if watch:
        _watch(platform, [new])


@app.command(rich_help_panel="Parts")
def certify(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A part as a spec names it: maml, adam, glyphs.")],
    kind: Annotated[
        str | None, typer.Option(metavar="KIND", help="learner, estimator, ...: needed if several have one so named.")
    ] = None,
) -> None:
    """Prove that the part NAME, ours or an installed package's, does what its kind promises; exit code 1 if not."""
    from client.certificate import print_certificate
    from phiforge.certify.run import certify as certify_part

    with console.status("proving") as status:
        found = []
        for each in certify_part(name, kind, read_settings()):
            status.update(f"proving: {each.proof.name}")
            found.append(each)
    print_certificate(console, name, found)
    if not all(each.holds for each in found):
        raise SystemExit(1)


@app.command(rich_help_panel="Services")
def sampler() -> None:
    """Serve the sampling queue: datasets -> episodes -> object storage."""
    from sampler.service import run

    run(_open_for_service())


@app.command(rich_help_panel="Services")
def trainer() -> None:
    """Serve the training queue: meta-batch jobs -> contributions -> the next φ. Start one per core or GPU."""
    from trainer.service import run

    run(_open_for_service())


@app.command(rich_help_panel="Services")
def evaluator() -> None:
    """Serve the evaluation queue: query scores -> metrics, reports, the best φ."""
    from evaluator.service import run

    run(_open_for_service())


@app.command(rich_help_panel="Services")
def chaos(
    seed: Annotated[int, typer.Option(help="Names the schedule: the same problems at the same versions.")] = 0,
    minutes: Annotated[float, typer.Option(min=0.0, help="Begin no run later than this.")] = 5.0,
    problems: Annotated[str, typer.Option(metavar="KIND,KIND", help="Only these kinds; default: all possible.")] = "",
    versions: Annotated[int, typer.Option(min=20, help="Outer updates of each run.")] = 150,
    outage: Annotated[float, typer.Option(min=0.1, help="Seconds that a server stays away.")] = 20.0,
    attach: Annotated[bool, typer.Option("--attach", help="Your own fleet, through its broker and store.")] = False,
    pid: Annotated[
        list[int] | None, typer.Option(help="With --attach: a service's process that may be killed.")
    ] = None,
) -> None:
    """Inject problems into runs and prove that φ does not notice: hashes equal at every version, or exit code 1."""
    from client.chaos.command import Plan, attach_chaos, run_chaos

    plan = Plan(seed, minutes, [kind for kind in problems.split(",") if kind], versions)
    if attach:
        attach_chaos(read_settings(), console, plan, pid or [])
    else:
        run_chaos(read_settings(), console, plan, outage)


def main() -> None:
    """Run the command; what was in its way is told without a traceback."""
    make_output_safe()
    try:
        app()
    except SystemExit as end:
        raise SystemExit(end.code or finish_output()) from None
    except BaseException as error:
        if not is_mishap(error):
            raise
        code = report_mishap(error)
        finish_output(report=False)
        raise SystemExit(code) from None


def _open() -> "Platform":
    """Open what it takes to act on runs; nothing is made before something is to be kept."""
    from phiforge.fleet.platform import Platform

    return Platform.open(_settings(), make=False)


def _open_at(run: str) -> tuple["Platform", str]:
    """Open what it takes to act on the run that is meant, and return its whole id too."""
    from client.run_ids import run_of

    platform = _open()
    return platform, run_of(platform.record, run)


def _look() -> "RunPlatform":
    """Open what it takes to look at runs, which is there at once: without torch or Celery, and leaving no trace."""
    from phiforge.runs.platform import RunPlatform

    return RunPlatform.look(_settings())


def _look_at(run: str) -> tuple["RunPlatform", str]:
    """Open what it takes to look at the run that is meant, and return its whole id too."""
    from client.run_ids import run_of

    platform = _look()
    return platform, run_of(platform.record, run)


def _expect_redis(platform: "RunPlatform") -> None:
    """Raise ServiceError if Redis does not answer soon: work would wait for it much longer than a person does."""
    from phiforge.runs.connection import connect_to_look
    from phiforge.runs.exchange import Exchange

    client = connect_to_look(platform.settings)
    try:
        Exchange(client, platform.settings.namespace).check()
    finally:
        client.close()


def _settings() -> Settings:
    """Return the settings of a person's command, which logs no more than what went wrong unless it is told to."""
    settings = read_settings()
    level = settings.log_level if "log_level" in settings.model_fields_set else "WARNING"
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return settings


def _say(sentence: str) -> None:
    """Print one line, as one: whoever reads it may be a program."""
    console.print(sentence, highlight=False, soft_wrap=True)


def _echo_json(value: Any) -> None:  # noqa: ANN401 - any JSON value
    typer.echo(json.dumps(value, indent=2, ensure_ascii=not speaks_unicode()))


def _open_for_service() -> "Platform":
    """Open the platform; a store that does not answer is waited for, as whoever started it may be slower."""
    from phiforge.base.errors import UnreachableStoreError
    from phiforge.fleet.platform import Platform

    settings = read_settings()
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    deadline = time.monotonic() + WAIT_FOR_STORE_SECONDS
    while True:
        try:
            return Platform.open(settings)
        except UnreachableStoreError as error:
            if time.monotonic() > deadline:
                raise
            logging.getLogger(__name__).warning("waiting for the object storage: %s", error)
            time.sleep(1.0)


def _watch(platform: "RunPlatform", runs: list[str]) -> None:
    from client.view import watch as watch_runs

    try:
        views = watch_runs(platform, runs, console, check=lambda: None)
    except KeyboardInterrupt:
        console.print("stopped watching; the run goes on")
        raise SystemExit(130) from None
    if any(view.status == "failed" for view in views):
        raise SystemExit(1)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show one bar for each thing that is downloaded, drawn or published, and a line for each remark."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def report(what: str, done: int, total: int) -> None:
            if total == 0:
                bars.console.print(f"[yellow]note:[/yellow] {escape(what)}", highlight=False)
                return
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield report


if __name__ == "__main__":
    main()
