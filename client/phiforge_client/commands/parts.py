"""Parts: what they promise, proven."""

from typing import Annotated

import typer

from phiforge.base.environment import read_settings
from phiforge_client.commands.options import AsJson, Quiet
from phiforge_client.commands.output import answer, console, screen

app = typer.Typer()


@app.command(rich_help_panel="Parts")
def certify(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A part as a spec names it: maml, adam, glyphs.")],
    kind: Annotated[
        str | None, typer.Option(metavar="KIND", help="learner, estimator, ...: needed if several have one so named.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Prove that the part NAME, ours or an installed package's, does what its kind promises; exit code 1 if not."""
    from phiforge.certify.run import certify as certify_part
    from phiforge_client.certificate import print_certificate

    with screen(as_json).status("proving") as status:
        found = []
        for each in certify_part(name, kind, read_settings()):
            status.update(f"proving: {each.proof.name}")
            found.append(each)
    proofs = [
        each.figure._asdict() | {"proof": each.proof.name, "holds": each.holds, "error": each.error} for each in found
    ]
    answer({"part": name, "proofs": proofs}, as_json, [], lambda: print_certificate(console, name, found))
    if not all(each.holds for each in found):
        raise SystemExit(1)
