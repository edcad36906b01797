"""The specs that come with Phiforge, wherever it was installed."""

from pathlib import Path

from phiforge.base.errors import SpecError
from phiforge.base.nearest import did_you_mean

FOLDER = Path(__file__).parent / "specs"
"""In a checkout a link to the folder ``specs`` at its root."""


def names() -> list[str]:
    """Return what the ready-made specs are called."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def path_of(name: str) -> Path:
    """Return the file of a ready-made spec; raises SpecError if there is none so named."""
    known = names()
    if name not in known:
        raise SpecError(
            [f"there is no ready-made spec {name[:100]!r}; `phiforge specs` lists them{did_you_mean(name, known)}"]
        )
    return FOLDER / f"{name}.yaml"


def text(name: str) -> str:
    """Return a ready-made spec as it is written; raises SpecError if there is none so named."""
    return path_of(name).read_text(encoding="utf-8")


def description(name: str) -> str:
    """Return what a ready-made spec says of itself in its first comment."""
    lines = text(name).splitlines()
    return lines[0].removeprefix("#").strip()


def found_or_ready_made(given: Path) -> Path:
    """Return the file that ``given`` names: itself if it is there, else the ready-made spec that it may mean.

    That is ``NAME``, or ``specs/NAME.yaml`` typed where there is no such folder.
    """
    bare = given.parent == Path() and not given.suffix
    as_in_a_checkout = given.parent == Path("specs") and given.suffix == ".yaml"
    if (bare or as_in_a_checkout) and not given.exists() and given.stem in names():
        return path_of(given.stem)
    return given


def study_or_ready_made(given: Path) -> Path:
    """Return the file of a study that ``given`` names: itself if it is there, else the ready-made one of that name."""
    ready = FOLDER / "studies" / f"{given.name}.yaml"
    bare = given.parent == Path() and not given.suffix
    return ready if bare and not given.exists() and ready.is_file() else given


def studies() -> list[str]:
    """Return what the ready-made studies are called."""
    return sorted(path.stem for path in (FOLDER / "studies").glob("*.yaml"))
