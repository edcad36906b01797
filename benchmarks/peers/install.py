"""Each peer in an environment of its own, from its package; kept in a folder for the next time."""

import subprocess
import sys
import tarfile
import venv
from pathlib import Path
from typing import NamedTuple

import torch

TORCHVISION = "torchvision==0.28.0"


class Recipe(NamedTuple):
    """``needs`` are installed as usual, ``bare`` without what they ask for, ``built`` from source where it lies."""

    needs: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()
    built: str = ""


RECIPES = {
    "learn2learn": Recipe(
        ("cython<3.1", "setuptools<81", "wheel", "numpy", "scipy", "pandas", "requests", "tqdm", "gym", "pillow"),
        (TORCHVISION, "qpth==0.0.18"),
        "learn2learn==0.2.0",
    ),
    "higher": Recipe(("numpy",), ("higher==0.2.1",)),
    "torchopt": Recipe(("numpy", "optree", "graphviz", "typing-extensions"), ("torchopt==0.7.3",)),
    "easyfsl": Recipe(("numpy", "pandas", "matplotlib", "tqdm", "pillow"), (TORCHVISION, "easyfsl==1.5.0")),
}


class NotInstalledError(Exception):
    """Raised when a peer cannot be installed: the last line of what went wrong."""


def python_of(peer: str, cache: Path) -> Path:
    """Return the interpreter of a peer's environment, made if it is not there; raises NotInstalledError."""
    home = cache / peer
    python, ready, recipe = home / "bin" / "python", home / "ready", RECIPES[peer]
    if ready.exists() and ready.read_text() == repr(recipe):
        return python
    venv.create(home, with_pip=True, clear=True)
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run([*pip, "install", f"torch=={torch.__version__.split('+')[0]}", *recipe.needs])
    if recipe.bare:
        run([*pip, "install", "--no-deps", *recipe.bare])
    if recipe.built:
        build(recipe.built, home, python, pip)
    ready.write_text(repr(recipe))
    return python


def build(package: str, home: Path, python: Path, pip: list[str]) -> None:
    """Build a package's extensions in its source folder, which is then importable."""
    run([*pip, "download", "--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--dest", str(home), package])
    archive = next(home.glob("*.tar.gz"))
    with tarfile.open(archive) as source:
        source.extractall(home, filter="data")
    folder = home / archive.name.removesuffix(".tar.gz")
    run([str(python), "setup.py", "build_ext", "--inplace"], folder)
    packages = next(home.glob("lib/python*/site-packages"))
    (packages / "built.pth").write_text(str(folder))


def run(command: list[str], folder: Path | None = None) -> None:
    """Run a command in silence; raises NotInstalledError with its last line if it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise NotInstalledError(f"{' '.join(command[1:4])}: {lines[-1] if lines else done.returncode}")


if __name__ == "__main__":
    for name in sys.argv[2:] or RECIPES:
        print(name, python_of(name, Path(sys.argv[1])))
