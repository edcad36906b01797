"""What is wrong with an archive is said, with its name."""

import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiforge.base.errors import DataError
from phiforge.tasks.datasets.omniglot import DRAWINGS
from tests.integration.omniglot.small import PAPER, SMALL, png, read, write_zips


@pytest.mark.parametrize("lacking", [tuple(SMALL), ("images_background",), ("images_evaluation",)])
def test_a_folder_without_an_archive(files, tmp_path, lacking):
    # Given a folder that lacks one archive or both
    write_zips(tmp_path, {archive: members for archive, members in files.items() if archive not in lacking})
    # If it is opened, I expect an error that names the setting, the folder and what was looked for; no download.
    expected = f"PHIFORGE_OMNIGLOT names {tmp_path}, where there is neither {lacking[0]}.zip nor {lacking[0]}/"
    with pytest.raises(DataError, match=expected):
        read(tmp_path)


def test_a_folder_that_is_not_there(tmp_path):
    # Given no folder, if it is opened, I expect the same error, and no folder.
    with pytest.raises(DataError, match="PHIFORGE_OMNIGLOT names"):
        read(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("damage", [0, 10, 0.1, 0.5, 0.999])
def test_a_zip_that_is_cut_short(files, tmp_path, damage):
    # Given an archive of which only the start is there
    write_zips(tmp_path, files)
    path = tmp_path / "images_evaluation.zip"
    data = path.read_bytes()
    path.write_bytes(data[: int(damage * len(data)) if damage < 1 else damage])
    # If it is read, I expect an error that names it and says what to do.
    with pytest.raises(DataError, match=f"{path} is damaged .*: delete it and try again"):
        read(tmp_path)


@given(data=st.data())
def test_a_zip_with_a_damaged_byte(whole, tmp_path_factory, data):
    # Given an archive with one byte changed, anywhere among the drawings
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "images_background.zip").symlink_to(whole / "images_background.zip")
    path = folder / "images_evaluation.zip"
    archive = bytearray((whole / "images_evaluation.zip").read_bytes())
    with zipfile.ZipFile(whole / "images_evaluation.zip") as file:
        member = data.draw(st.sampled_from([each for each in file.infolist() if each.filename.endswith(".png")]))
    first = member.header_offset + 30 + len(member.filename)
    where = data.draw(st.integers(first, first + member.compress_size - 1))
    archive[where] ^= data.draw(st.integers(1, 255))
    path.write_bytes(archive)
    # If it is read, I expect an error that names it, for drawings have checksums; a few bits mean nothing to a zip.
    try:
        found = read(folder)
    except DataError as error:
        assert f"{path} is damaged" in str(error)  # noqa: PT017
    else:
        np.testing.assert_array_equal(found.images[:, 0], np.where(PAPER, 0, 255).reshape(-1, 105, 105))


@given(data=st.data())
def test_a_zip_with_a_damaged_directory(whole, tmp_path_factory, data):
    # Given an archive with one byte changed in what says where its drawings are
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "images_background.zip").symlink_to(whole / "images_background.zip")
    archive = bytearray((whole / "images_evaluation.zip").read_bytes())
    where = data.draw(st.integers(archive.index(b"PK\x01\x02"), len(archive) - 1))
    archive[where] ^= data.draw(st.integers(1, 255))
    (folder / "images_evaluation.zip").write_bytes(archive)
    # If it is read, I expect all drawings (some bytes, as dates, mean nothing here) or an error on purpose.
    try:
        assert len(read(folder, image_size=8).images) == 5 * DRAWINGS
    except DataError as error:
        assert "images_evaluation" in str(error)  # noqa: PT017


@pytest.mark.parametrize(("name", "count"), [("Cee/character02", 1), ("Cee/character03", 3)])
def test_too_few_or_too_many_characters(files, tmp_path, name, count):
    # Given an archive that lacks a character or has one more
    members = files["images_evaluation"]
    for index in range(DRAWINGS):
        if count < len(SMALL["images_evaluation"]):
            del members[f"images_evaluation/{name}/{index:02}.png"]
        else:
            members[f"images_evaluation/{name}/{index:02}.png"] = png(PAPER[0, index])
    write_zips(tmp_path, files)
    # If it is read, I expect an error that says how many there are and should be.
    with pytest.raises(DataError, match=rf"images_evaluation\.zip holds {count} characters, expected 2$"):
        read(tmp_path)


@pytest.mark.parametrize("stray", ["stray.png", "images_background/stray.png", "images_background/Ay/stray.png"])
def test_an_image_that_belongs_to_no_character(files, tmp_path, stray):
    # Given an archive with an image where none should be
    files["images_background"][stray] = png(PAPER[0, 0])
    write_zips(tmp_path, files)
    # If it is read, I expect an error that names the archive.
    with pytest.raises(DataError, match=r"images_background\.zip holds 4 characters, expected 3"):
        read(tmp_path)


def test_an_empty_archive(files, tmp_path):
    # Given archives without a drawing, as a zip and as a tree
    write_zips(tmp_path / "zip", {archive: {} for archive in files})
    for archive in files:
        (tmp_path / "tree" / archive).mkdir(parents=True)
    # If they are read, I expect an error.
    for folder in ("zip", "tree"):
        with pytest.raises(DataError, match="holds 0 characters, expected 3"):
            read(tmp_path / folder)
