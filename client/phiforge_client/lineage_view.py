"""What a person sees of lineage: what was verified, what is behind a version, where an item took part."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from phiforge.runs.commit_log import Difference
from phiforge.tasks.sources import Item, Sources
from phiforge_client.table import whole
from phiforge_client.verification import Verified
from phiforge_client.why import Where, Why

_SHORT = 12


def print_verified(console: Console, verified: Verified) -> None:
    """Print what was computed again and, if anything differs, what and where first."""
    console.print(f"run [bold]{verified.run}[/bold], computed again from checkpoint {verified.start}", highlight=False)
    shown = Table(show_header=False, box=None)
    shown.add_row("versions", _spelled(verified.versions))
    episodes = f"{verified.episodes_read} files read, {verified.episodes_made} made again from the seed"
    shown.add_row("jobs", f"{verified.jobs} (episodes: {episodes})")
    shown.add_row("checkpoints", ", ".join(map(str, verified.checkpoints)))
    console.print(shown)
    if not verified.differences:
        console.print("[green]every hash is the same[/green]")
        return
    console.print(_differences(verified.differences))
    console.print(f"[bold red]{_first(verified.differences)} is the first that differs[/bold red]", highlight=False)


def _judged(entry: Mapping[str, Any]) -> str:
    """Spell the accuracy of a step, or the return of one that acted."""
    returned = entry.get("scores", {}).get("mean_return")
    return f"accuracy {entry['accuracy']:.3f}" if returned is None else f"return {returned:.3f}"


def print_why(console: Console, found: Why) -> None:
    """Print a step, its jobs, and what each class of each episode was made of."""
    entry, observed = found.entry, found.entry["observed"]
    console.print(
        f"run [bold]{found.run}[/bold], the step to version {found.version}: φ {entry['phi_hash_before'][:_SHORT]} → "
        f"{entry['phi_hash'][:_SHORT]}, query loss {entry['loss']:.4f}, {_judged(entry)}, "
        f"committed by {observed['committed_by']}",
        highlight=False,
        soft_wrap=True,
    )
    for job in found.jobs:
        same = "as logged" if job.as_logged else "[bold red]not as logged[/bold red]"
        console.print(
            f"job {job.job}: {len(job.episodes)} episodes, digest {job.digest[:_SHORT]} ({same}), contribution "
            f"{job.contribution[:_SHORT]}, {job.worker}, {job.compute_seconds:.3f} s",
            highlight=False,
            soft_wrap=True,
        )
    shown = Table("job", "episode", "class", "turn", _folded("support"), _folded("query"))
    for job in found.jobs:
        for number, episode in enumerate(job.episodes):
            for name, turn, support, query in _classes(episode):
                shown.add_row(str(job.job), str(number), name, turn, support, query)
    if shown.row_count:
        whole(console).print(shown)
    else:
        console.print("its tasks are drawn from a formula: no source items")


def print_where(console: Console, found: Where) -> None:
    """Print one row an episode and role in which an item took part, or why there is none."""
    if found.split != "train":
        kind = f"of the {found.split} split" if found.split else "of no split"
        say = f"{found.item!r} is {kind} of run {found.run}: no version of φ learned from it"
        console.print(escape(say), highlight=False, soft_wrap=True)
        return
    shown = Table("run", "version", "job", "episode", "role", "turn", _folded("drawings"))
    rows: dict[tuple[str, ...], list[Item]] = {}
    for run, each in found.appearances:
        place = (run, str(each.version), str(each.job), str(each.episode), each.role, _turn(each.item))
        rows.setdefault(place, []).append(each.item)
    for row, items in rows.items():
        shown.add_row(*row, _named(items))
    if rows:
        whole(console).print(shown)
    versions = {each.version for _, each in found.appearances}
    console.print(f"in {len(versions)} versions, {len(rows)} times", highlight=False)


def _differences(differences: Sequence[Difference]) -> Table:
    shown = Table("version", "job", "what", "written down", "computed again")
    for each in differences:
        job = "–" if each.job is None else str(each.job)
        shown.add_row(str(each.version), job, each.what, escape(each.logged), escape(each.computed))
    return shown


def _first(differences: Sequence[Difference]) -> str:
    """Name the first version that differs, and the first of its jobs that does."""
    version = min(each.version for each in differences)
    jobs = [each.job for each in differences if each.version == version and each.job is not None]
    return f"version {version}, job {min(jobs)}," if jobs else f"version {version}"


def _spelled(versions: Sequence[int]) -> str:
    return f"{versions[0]} to {versions[-1]}" if versions else "none: the run has not moved on from there"


def _classes(episode: Sources) -> Iterator[tuple[str, str, str, str]]:
    """Yield each class of an episode: its name, its turn, and its drawings in support and query."""
    of_class: dict[tuple[str, str], tuple[list[Item], list[Item]]] = {}
    for role, items in enumerate(episode):
        for item in items:
            of_class.setdefault((item.name, _turn(item)), ([], []))[role].append(item)
    for (name, turn), (support, query) in of_class.items():
        yield escape(name), turn, _named(support), _named(query)


def _turn(item: Item) -> str:
    return f"{90 * item.quarter_turns}°" + ", mirrored" * item.mirrored


def _folded(heading: str) -> Column:
    """Return a column whose names are folded where there is no room for them, never cut."""
    return Column(heading, overflow="fold")


def _named(items: Sequence[Item]) -> str:
    """Name images by number and, where that is known, the file each was made from; say which label is wrong."""
    return ", ".join(str(item.drawing) + _in_brackets(item) for item in items)


def _in_brackets(item: Item) -> str:
    wrong = f"labelled {item.labelled}" if item.labelled else ""
    said = ", ".join(each for each in (PurePosixPath(item.file).name, wrong) if each)
    return f" ({escape(said)})" if said else ""
