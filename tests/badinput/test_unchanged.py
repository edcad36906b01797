"""Folders that were datasets from the first: what they are published as stays the same to the byte."""

import io
from pathlib import Path

import pytest
from PIL import Image

from phiforge.base.canonical import sha256_hex
from phiforge.base.settings import Settings
from phiforge.runs.datasets import load, prepare
from phiforge.runs.store import LocalStore
from phiforge.spec.schema import recorded
from phiforge.tasks.datasets.images import ImagesData
from tests.badinput.pictures import GREY, classes, decode, picture, write_folder


def bitmaps() -> dict[str, bytes]:
    """Return pictures whose bytes depend on no library, one of them grey, in folders whose names sort in odd ways."""
    own = {name.replace(".png", ".bmp"): picture(number, kind="BMP") for number, name in enumerate(classes(count=8))}
    odd = [f"{name}/{number}.bmp" for name in ("Ärger", "a b") for number in (10, 9)]
    return own | {path: picture(900 + seed, "L", (9, 30), "BMP") for seed, path in enumerate(odd)}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, "989554f5ac51415344227a5351eb14f4a95a96c6778832470013e0d1e718d59f"),
        (
            {"colour": "rgb", "image_size": 64, "validation": 0.2, "test": 0.2},
            "605db9f46807e45310b4e0738bd9fbd89e17103bb69e4775770f1d99ae93120c",
        ),
        ({"rotations": True, "split_seed": 3}, "f8ebb01ea5a4b17bdc69111306c65d2faa9e930481ef1ca9ccfd1714968c4250"),
    ],
    ids=["defaults", "colour", "turned"],
)
def test_a_plain_folder_is_what_it_always_was(config: dict[str, object], expected: str, tmp_path: Path) -> None:
    # Given a plain folder, I expect the images, classes, splits and fingerprint of the first version of this reader,
    place = write_folder(tmp_path / "own", bitmaps())
    store = LocalStore(tmp_path / "store")
    dataset = load(prepare(ImagesData(**config), Settings(images=place), store).digest, store)
    found = repr((dataset.classes, dict(dataset.splits), dict(dataset.source))).encode() + dataset.images.tobytes()
    assert sha256_hex(found) == expected
    # and no later field in what is recorded.
    assert not {"unreadable", "duplicates"} & set(recorded(ImagesData(**config)))


def test_a_dark_drawing_on_nothing_is_on_white_as_it_always_was() -> None:
    # Given a dark drawing on transparency, I expect the very pixels that white paper gives.
    drawing = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    drawing.paste((90, 20, 160, 200), (10, 10, 30, 25))
    white = Image.alpha_composite(Image.new("RGBA", drawing.size, "white"), drawing)

    def png(image: Image.Image) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        return buffer.getvalue()

    assert (decode("x", png(drawing), GREY) == decode("x", png(white.convert("RGB")), GREY)).all()
