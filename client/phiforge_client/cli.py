"""The ``phiforge`` command."""

from typing import Annotated

import typer

from phiforge_client.commands import data, lineage, parts, predictions, queue, results, runs, services, start, study
from phiforge_client.commands.output import print_version
from phiforge_client.mishaps import finish_output, is_mishap, make_output_safe, report_mishap

app = typer.Typer(
    name="phiforge",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (start, data, runs, predictions, queue, results, lineage, parts, services):
    app.add_typer(group.app)
app.add_typer(study.app, name="study", rich_help_panel="Studies")


@app.callback()
def phiforge(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=print_version, help="Print the version.")
    ] = False,
) -> None:
    """Meta-learning as a pipeline of services. Try `phiforge demo` first; settings are PHIFORGE_* variables."""


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


if __name__ == "__main__":
    main()
