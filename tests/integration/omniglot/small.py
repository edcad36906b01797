"""An Omniglot of five characters, made by hand, for everything that can be wrong with one."""

import io
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from phiforge.base.settings import Settings
from phiforge.tasks.datasets import omniglot
from phiforge.tasks.datasets.bases import splits
from phiforge.tasks.datasets.omniglot import DRAWINGS, Omniglot, OmniglotData

SMALL = {
    "images_background": ("Ay/character01", "Ay/character02", "Bee/character01"),
    "images_evaluation": ("Cee/character01", "Cee/character02"),
}
"""Characters of an Omniglot made by hand, for everything that can be wrong with one."""
PAPER = np.random.default_rng(0).random((5, DRAWINGS, 105, 105)) > 0.2
"""Its drawings, in which ink is False, as in the real one."""
LISTS = {"train": ("Ay/character01", "Ay/character02"), "val": ("Bee/character01",), "test": SMALL["images_evaluation"]}


@contextmanager
def small_is_whole():
    """Let five characters be all, split into 2, 1 and 2 by the lists."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(omniglot, "CHARACTERS", {archive: len(names) for archive, names in SMALL.items()})
        patch.setattr(splits, "VINYALS_CHARACTERS", {"train": 2, "validation": 1, "test": 2})
        yield


def png(paper):
    buffer = io.BytesIO()
    Image.fromarray(paper).save(buffer, "PNG")
    return buffer.getvalue()


def small_files():
    """Every file of the small Omniglot by its name in its archive, by archive."""
    drawings = iter(PAPER)
    return {
        archive: {
            f"{archive}/{name}/{index:02}.png": png(paper)
            for name in names
            for index, paper in enumerate(next(drawings))
        }
        for archive, names in SMALL.items()
    }


def write_zips(folder, files):
    """Write archives as the published ones are: in no order, with an entry for each folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for archive, members in files.items():
        with zipfile.ZipFile(folder / f"{archive}.zip", "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr(f"{archive}/", b"")
            for name in reversed(members):
                file.writestr(name, members[name])


def write_lists(folder):
    (folder / "splits" / "vinyals").mkdir(parents=True)
    for name, characters in LISTS.items():
        lines = [f"{character}/rot{90 * turn:03}" for character in characters for turn in range(4)]
        (folder / "splits" / "vinyals" / f"{name}.txt").write_text("\n".join(lines))


def read(folder, cache=Path("nowhere"), **changes):
    """Build the dataset of a small Omniglot."""
    with small_is_whole():
        return Omniglot(SMALL_CONFIG.model_copy(update=changes), Settings(home=cache, omniglot=folder)).build()


SMALL_CONFIG = OmniglotData(validation_characters=1, image_size=105)
