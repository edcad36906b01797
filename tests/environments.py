"""Environments that hold what a lock brings and nothing else, of the files that are installed here already."""

import os
import shutil
import sys
import sysconfig
import venv
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def linked(folder: Path, lock: Path) -> None:
    """Make an environment in ``folder`` of what ``lock`` names, and of what that needs, without an index or copies.

    Fails if a package is not installed here, or in another version.
    """
    venv.create(folder, with_pip=False)
    here = Path(sysconfig.get_path("purelib")).resolve()
    there = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    for package in with_needs(named(lock)):
        for file in files_of(package, here):
            link(here / file, there / file)


def named(lock: Path) -> Iterator[Requirement]:
    """Yield what a lock names for this Python."""
    for line in lock.read_text().splitlines():
        requirement = line.partition("#")[0].strip()
        if requirement and not requirement.startswith("-"):
            yield Requirement(requirement)


def with_needs(requirements: Iterable[Requirement]) -> Iterator[Distribution]:
    """Yield packages and what they need, as pip would: a lock does not name what torch brings along for GPUs."""
    ahead, seen = list(requirements), set[str]()
    while ahead:
        requirement = ahead.pop(0)
        known = canonicalize_name(requirement.name)
        if known not in seen and (not requirement.marker or requirement.marker.evaluate({"extra": ""})):
            seen.add(known)
            package = installed(requirement)
            ahead += map(Requirement, package.requires or ())
            yield package


def installed(requirement: Requirement) -> Distribution:
    """Return a package that is here, in the version that is asked for."""
    found = distribution(requirement.name)
    assert requirement.specifier.contains(found.version), f"{requirement} is locked, {found.version} is here: `make`"
    return found


def files_of(package: Distribution, root: Path) -> Iterator[Path]:
    """Yield the files of a package, relative to where packages are; programs, which name their Python, are left out."""
    for file in package.files or ():
        place = Path(str(package.locate_file(file))).resolve()
        if place.is_relative_to(root) and place.is_file():
            yield place.relative_to(root)


def link(source: Path, target: Path) -> None:
    """Let ``target`` be the same file as ``source``, or a copy of it where that cannot be."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def pip_for(folder: Path) -> list[str]:
    """Return this environment's pip, set on the environment in ``folder``."""
    return [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
