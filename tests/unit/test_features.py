"""Vectors with labels: read from one file, refused if they cannot be learned from fairly, episodes made of them."""

import io
import json
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save_file

from phiforge.base.errors import DataError
from phiforge.base.settings import Settings
from phiforge.runs.datasets import load, load_facts, publish
from phiforge.runs.store import LocalStore
from phiforge.spec.task import Task
from phiforge.tasks.datasets.features import Features, FeaturesData
from phiforge.tasks.episodes import EpisodeBatch
from phiforge.tasks.pool import Pool
from phiforge.tasks.sampling import sample_batch

DIMENSIONS, CLASSES, EACH = 6, 10, 4


def vectors(dtype=np.float32):
    """Forty vectors, a few of each of ten classes, which are not in order."""
    generator = np.random.default_rng(0)
    labels = generator.permutation(np.repeat([f"word {number}" for number in range(CLASSES)], EACH))
    return {
        "features": (1000 * generator.standard_normal((CLASSES * EACH, DIMENSIONS))).astype(dtype),
        "labels": labels,
    }


def built(place, **settings):
    config = FeaturesData(**{"dimensions": DIMENSIONS, "validation": 0.3, "test": 0.3} | settings)
    return Features(config, Settings(features=place)).build()


def written(tmp_path, **changes):
    path = tmp_path / "words.npz"
    np.savez(path, **vectors() | changes)
    return path


def refused(tmp_path, **changes):
    """What a file with changed arrays is refused with."""
    with pytest.raises(DataError) as caught:
        built(written(tmp_path, **changes))
    return str(caught.value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int32])
def test_vectors_come_out_as_they_went_in(tmp_path, dtype):
    # Given vectors of any type of number
    given = vectors(dtype)
    dataset = built(written(tmp_path, **given))
    # I expect each in its class, as float32, and each named by its row.
    assert dataset.images.shape == (CLASSES * EACH, DIMENSIONS)
    assert dataset.images.dtype == np.float32
    for each in dataset.classes:
        for place in range(each.first, each.first + each.drawings):
            row = int(dataset.files[place].removeprefix("words.npz[").removesuffix("]"))
            assert given["labels"][row] == each.name
            assert np.array_equal(dataset.images[place], given["features"][row].astype(np.float32))
    # I expect no class in two splits.
    counts = {split: len(classes) for split, classes in dataset.splits.items()}
    assert counts == {"train": 4, "validation": 3, "test": 3}


def test_safetensors(tmp_path):
    # Given the same vectors with numbers as labels, in a safetensors file, I expect the same classes.
    given = vectors()
    numbers = np.array([int(label.split()[1]) for label in given["labels"]])
    save_file({"features": given["features"], "labels": numbers}, tmp_path / "words.safetensors")
    found, expected = built(tmp_path / "words.safetensors"), built(written(tmp_path))
    assert [each.name for each in found.classes] == [str(number) for number in range(CLASSES)]
    assert np.array_equal(found.images, expected.images)


def test_unit_length(tmp_path):
    # Given vectors of any length, one of them nought, if they are to be of length 1, I expect them to be, but that one.
    given = vectors()
    given["features"][3] = 0
    dataset = built(written(tmp_path, **given), scaling="unit_length")
    lengths = np.linalg.norm(dataset.images, axis=1)
    assert sorted(lengths)[0] == 0
    assert np.allclose(sorted(lengths)[1:], 1, atol=1e-6)


def test_splits_and_groups_of_the_file(tmp_path):
    # Given a split of each vector, I expect the classes there.
    given = vectors()
    number = np.array([int(label.split()[1]) for label in given["labels"]])
    split = np.array(["train", "validation", "test"])[number % 3]
    dataset = built(written(tmp_path, split=split))
    for name, classes in dataset.splits.items():
        places = {int(dataset.classes[each.source].name.split()[1]) % 3 for each in classes}
        assert places == {["train", "validation", "test"].index(name)}
    # Given groups, I expect whole ones in a split.
    dataset = built(written(tmp_path, group=number // 2))
    owners = {}
    for name, classes in dataset.splits.items():
        for each in classes:
            owners.setdefault(int(dataset.classes[each.source].name.split()[1]) // 2, set()).add(name)
    assert all(len(each) == 1 for each in owners.values())


def test_published_and_sampled(tmp_path):
    # Given published vectors
    dataset, store = built(written(tmp_path)), LocalStore(tmp_path / "store")
    digest = publish(dataset, store)
    # I expect them back, to the bit, and their shape to be known without them.
    again = load(digest, store)
    assert again.images.dtype == np.float32
    assert np.array_equal(again.images, dataset.images)
    assert load_facts(digest, store).input_shape == (DIMENSIONS,)
    # I expect episodes of them, as they are, with labels, that come back from their bytes.
    batch = sample_batch(Pool(again), "train", Task(n_way=3, k_shot=1, n_query=2), 5, 0)
    assert batch.support_x.shape == (5, 3, DIMENSIONS)
    assert np.array_equal(batch.query_x, dataset.images[batch.origin[:, 3:, 0]])
    found = EpisodeBatch.from_bytes(batch.to_bytes())
    [episode, *_] = found.episodes()
    assert episode.query_x.tolist() == batch.query_x[0].tolist()
    assert episode.query_y.tolist() == [0, 0, 1, 1, 2, 2]


def test_all_that_is_wrong_is_told_at_once(tmp_path):
    # Given vectors with numbers that are none, a class with one vector, and other dimensions
    given = vectors()
    given["features"][[2, 5], 1] = np.nan, np.inf
    given["labels"][0] = "alone"
    wide = np.concatenate([given["features"], given["features"]], axis=1)
    said = refused(tmp_path, features=wide, labels=given["labels"])
    # I expect all of it in one error, each with what to do.
    assert "has 3 problems" in said
    assert "its vectors have 12 numbers, not data.dimensions 6: set it to 12" in said
    assert "2 vectors are not finite, in row 2, 5 (from 0)" in said
    assert "1 class has a single vector; allowed are 2 or more: 'alone'" in said


def test_the_same_vector_of_two_classes(tmp_path):
    # Given a vector that stands in two classes, I expect its rows and classes; in one class it is no problem.
    given = vectors()
    first, same, other = (
        int(np.flatnonzero(given["labels"] == label)[place])
        for label, place in (("word 0", 0), ("word 0", 1), ("word 1", 0))
    )
    given["features"][same] = given["features"][first]
    assert len(built(written(tmp_path, **given)).classes) == CLASSES
    given["features"][other] = given["features"][first]
    assert "the same vector is of two classes: rows" in refused(tmp_path, **given)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"features": np.zeros(40)}, "'features' of .* is float64 of shape \\(40,\\): expected are numbers"),
        ({"features": np.zeros((0, 6))}, "of shape \\(0, 6\\)"),
        ({"features": np.array([["a"] * 6] * 40)}, "is <U1 of shape"),
        ({"labels": np.arange(39)}, "'labels' of .* of shape \\(39,\\): expected are 40 texts or whole numbers"),
        ({"labels": np.zeros(40)}, "'labels' of .* is float64"),
        ({"labels": np.array(["one"] * 40)}, "1 classes cannot be split into"),
        ({"split": np.array(["training"] * 40)}, "'split' names 'training'; allowed are train, validation, test"),
        ({"split": np.array(["train"] * 40)}, "'split' gives validation and test no class"),
        ({"split": np.array(["train", "test", "validation", "train"] * 10)}, "classes are in several splits"),
        ({"group": np.arange(40)}, "10 classes are in several groups"),
        ({"labels": np.array([{}] * 40, dtype=object)}, "holds Python objects, which are never unpickled"),
    ],
)
def test_what_cannot_be_learned_from(tmp_path, changes, said):
    # Given an array that is wrong, I expect one sentence that says which, and what is expected.
    with pytest.raises(DataError, match=said):
        built(written(tmp_path, **changes))


def test_missing_arrays(tmp_path):
    # Given a file of other arrays, I expect to be told which it has and which are needed.
    np.savez(tmp_path / "other.npz", x=np.zeros((4, 6)), features=np.zeros((4, 6)))
    with pytest.raises(DataError, match="has no array 'labels': it holds features; needed are 'features'"):
        built(tmp_path / "other.npz")


def lying(shape, body=b""):
    """A .npz whose vectors claim a shape that they have not."""
    header, whole = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("features.npy", header.getvalue() + body)
    return whole.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.npz", b"", "cannot be read"),
        ("a.npz", b"PK\x03\x04 and no more", "cannot be read"),
        ("a.npz", lying((10**6, 10**6)), "is 4000000000000 bytes; allowed are 2147483648"),
        ("a.npz", lying((10, 6), bytes(100)), "claims 240 bytes and has 100: write it again"),
        ("a.safetensors", b"", "cannot be read"),
        ("a.safetensors", b"\xff" * 64, "cannot be read"),
        ("a.csv", b"1,2", "ends in '.csv': vectors are read from files .npz or .safetensors"),
    ],
)
def test_damaged_files(tmp_path, name, data, said):
    # Given a file that is damaged, lies about its size or is of another kind, I expect one sentence.
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=said):
        built(tmp_path / name)


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': (",
        "'''",
        "((((",
        "{[]:1}",
        "  1\n 2",
        "{",
        "[" * 5000,
        "{'descr': '<f4', 'shape': 1}",
        "(1).x",
        "\x00",
    ],
)
def test_headers_that_are_none(tmp_path, header):
    # Given an array whose header is no header, I expect one sentence.
    text = header.encode() + b"\n"
    array = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("features.npy", array)
    with pytest.raises(DataError, match=r"a\.npz cannot be read"):
        built(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("where", "value"),
    [(6, b"\x01"), (8, b"\x63"), (8, b"\x0e")],
    ids=["encrypted", "packed as nobody knows", "damaged lzma"],
)
def test_archives_that_cannot_be_unpacked(tmp_path, where, value):
    # Given an archive that is encrypted, or packed in a way that is unknown or not as it says, I expect one sentence.
    whole = bytearray(written(tmp_path).read_bytes())
    name = b"features.npy"
    for mark, shift in ((b"PK\x03\x04", 0), (b"PK\x01\x02", 2)):
        at = next(at for at in range(len(whole)) if whole[at : at + 4] == mark and name in whole[at : at + 80])
        whole[at + where + shift : at + where + shift + 1] = value
    (tmp_path / "a.npz").write_bytes(whole)
    with pytest.raises(DataError, match=r"a\.npz cannot be read"):
        built(tmp_path / "a.npz")


@pytest.mark.parametrize("kind", ["BF16", "F8_E4M3"])
def test_numbers_that_numpy_has_not(tmp_path, kind):
    # Given vectors of a kind that numpy has not, I expect to be told how to save them.
    size = {"BF16": 2, "F8_E4M3": 1}[kind] * 12
    header = json.dumps({"features": {"dtype": kind, "shape": [4, 3], "data_offsets": [0, size]}}).encode()
    (tmp_path / "a.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(size))
    with pytest.raises(DataError, match=f"'features' of .* is {kind}, which numpy has not: save as float32"):
        built(tmp_path / "a.safetensors")


def test_no_file(tmp_path):
    # Given no file, or a folder, I expect to be told what to name.
    with pytest.raises(DataError, match="needs PHIFORGE_FEATURES"):
        Features(FeaturesData(), Settings())
    with pytest.raises(DataError, match="is no file: vectors are read from one file"):
        built(tmp_path)
