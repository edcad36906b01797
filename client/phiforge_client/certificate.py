"""The certificate of a part, as a table."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from phiforge.certify.proof import Figure, Measured


def print_certificate(console: Console, name: str, found: Sequence[Measured]) -> None:
    """Print each proof with its figure and limit, and whether it holds; then what broke off, and how many hold."""
    table = Table(title=f"certificate of '{name}'", title_justify="left")
    table.add_column("proof")
    table.add_column("figure", justify="right")
    table.add_column("limit", justify="right")
    table.add_column("holds")
    for each in found:
        table.add_row(escape(each.proof.name), f"{each.figure.value:.3g}", _limit(each.figure), _verdict(each))
    console.print(table)
    for each in found:
        if each.error:
            console.print(f"{escape(each.proof.name)}: {escape(each.error)}", highlight=False, soft_wrap=True)
    asked = [each for each in found if each.proof.asked]
    console.print(f"{sum(each.figure.holds for each in asked)} of {len(asked)} proofs hold", highlight=False)


def _limit(figure: Figure) -> str:
    return f"{'above' if figure.above else 'at most'} {figure.limit:.3g}"


def _verdict(each: Measured) -> str:
    if each.figure.holds:
        return "[green]yes[/green]"
    return "[bold red]no[/bold red]" if each.proof.asked else "no, nor need it"
