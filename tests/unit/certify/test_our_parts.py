"""Every part of ours passes the certificate that installed parts are held to."""

import numpy as np
import pytest
from PIL import Image

from phiforge.base.settings import Settings
from phiforge.certify.run import certify
from phiforge.registry import KINDS

ELSEWHERE = {("dataset", "omniglot")}
"""What must be downloaded: the tests of Omniglot read a small one by themselves."""
SLOW = {("dataset", "glyphs")}
PARTS = [
    pytest.param((kind, name), id=f"{kind}-{name}", marks=[pytest.mark.slow] if (kind, name) in SLOW else [])
    for kind, parts in KINDS.items()
    for name in parts
    if (kind, name) not in ELSEWHERE
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Settings that name a few pictures, and a few vectors."""
    folder, beside = tmp_path_factory.mktemp("pictures"), tmp_path_factory.mktemp("vectors")
    for place in range(6):
        (folder / f"class{place}").mkdir()
        for drawing in range(2):
            shade = (40 * place + 10 * drawing, 90, 200 - 30 * place)
            Image.new("RGB", (30, 30), shade).save(folder / f"class{place}" / f"{drawing}.png")
    vectors = np.random.default_rng(0).standard_normal((12, 512)).astype(np.float32)
    np.savez(beside / "vectors.npz", features=vectors, labels=np.arange(12) // 2)
    return Settings(images=folder, features=beside / "vectors.npz")


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_ours(part, settings):
    # Given a part of ours, if it is certified
    kind, name = part
    found = list(certify(name, kind, settings))
    # I expect proofs of it, all of which hold.
    assert len([each for each in found if each.proof.asked]) >= (1 if name == "none" else 4)
    assert [(each.proof.name, each.figure, each.error) for each in found if not each.holds] == []
