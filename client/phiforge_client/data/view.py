"""What a person sees of their pictures, and of published datasets."""

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from phiforge.runs.published import Published
from phiforge.tasks.datasets.bases.pictures.inspecting import Inspected
from phiforge.tasks.datasets.bases.problems import counted, listed, quoted
from phiforge_client.data.inspection import Inspection
from phiforge_client.table import whole

_NAMES = 8


def print_inspection(console: Console, inspection: Inspection) -> None:
    """Print what was found, line by line; then what each split carries."""
    found = inspection.found
    for line in (*_summary(found), *_remarks(found)):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    shown = Table("split", "classes", "pictures", "largest k_shot", "classes by name", box=None)
    shown.columns[-1].overflow = "fold"
    for each in inspection.carries:
        names = [kept.name for kept in found.of(each.split)]
        more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
        pictures = f"{each.fewest} to {each.most} each"
        row = (each.split, str(each.classes), pictures, str(each.most_shots))
        shown.add_row(*row, ", ".join(names[:_NAMES]).replace("[", "\\[") + more)
    whole(console).print(shown, highlight=False)


def _summary(found: Inspected) -> Iterator[str]:
    counts = [len(each.pictures) for each in found.classes]
    classes, pictures = counted(len(found.classes), "class", "classes"), counted(found.pictures, "picture", "pictures")
    usable = f"{min(counts, default=0)} to {max(counts, default=0)} usable ones a class"
    yield f"{found.place}: {classes}, {pictures}; {usable}"
    if found.sizes:
        narrow, wide = (sorted(size[axis] for size in found.sizes.values()) for axis in (0, 1))
        most = Counter(found.sizes.values()).most_common(1)[0]
        yield (
            f"sizes: {narrow[0]} to {narrow[-1]} wide, {wide[0]} to {wide[-1]} high; most often "
            f"{most[0][0]} x {most[0][1]} ({most[1]}); {found.coloured} in colours"
        )


def _remarks(found: Inspected) -> Iterator[str]:
    yield from (f"note: {each}" for each in found.left_out)
    yield from (f"problem: {each}" for each in found.problems)
    if found.alike:
        groups = [" = ".join(map(repr, group[:3])) for group in found.alike]
        many = counted(len(groups), "group of pictures looks", "groups of pictures look")
        yield f"warning: {many} nearly the same: {listed(groups, '; ')}"
    if found.blank:
        many = counted(len(found.blank), "picture is", "pictures are")
        yield f"warning: {many} of nearly one colour, so that little can be told from it: {quoted(found.blank)}"


def print_datasets(console: Console, datasets: Sequence[Published]) -> None:
    """Print one row a dataset."""
    shown = Table(
        "dataset", "name", "images", "shape", "train/validation/test", "kB", "runs", box=None, padding=(0, 1, 0, 0)
    )
    for each in datasets:
        shape = " x ".join(map(str, each.image_shape))
        classes = "/".join(str(each.classes.get(split, 0)) for split in ("train", "validation", "test"))
        size = f"{each.bytes / 1e3:,.0f}"
        shown.add_row(each.digest[:12], each.name, str(each.images), shape, classes, size, str(len(each.runs)))
    whole(console).print(shown, highlight=False)
