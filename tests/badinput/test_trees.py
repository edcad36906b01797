"""Trees of splits are taken as the split; links to folders of classes are followed, others are not."""

import pytest

from phiforge.base.errors import DataError
from phiforge.base.settings import Settings
from phiforge.runs.datasets import load, prepare
from phiforge.runs.store import LocalStore
from phiforge.tasks.datasets.images import ImagesData
from tests.badinput.pictures import classes, heard, picture, write_folder, write_zip


def tree(*folders: str, count: int = 2, shared: dict[str, bytes] | None = None) -> dict[str, bytes]:
    """Return files of ``count`` classes in each folder of a split."""
    return {
        f"{folder}/{folder[:2].lower()}{number}/{index}.png": picture(1000 * at + 100 * number + index)
        for at, folder in enumerate(folders)
        for number in range(count)
        for index in range(3)
    } | (shared or {})


def published(place, tmp_path, config=ImagesData(), said=None):  # noqa: B008 - frozen
    store = LocalStore(tmp_path / "store")
    return load(prepare(config, Settings(images=place), store, None if said is None else heard(said)).digest, store)


def names(dataset):
    """Return the classes of each split by name."""
    return {split: [dataset.classes[each.source].name for each in of] for split, of in dataset.splits.items()}


@pytest.mark.parametrize("validation", ["val", "valid", "validation", "Val"])
@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_a_tree_of_splits_is_the_split(validation, write, tmp_path):
    # Given train, validation and test folders of classes, wrapped or not, with notes beside them
    own = tree("train", validation, "test")
    wrapped = {f"birds/{name}": data for name, data in own.items()} | {"birds/README.md": b"x"}
    plain = published(write(tmp_path / "own", own), tmp_path)
    # I expect each class in the split of its folder,
    assert names(plain) == {"train": ["tr0", "tr1"], "validation": ["va0", "va1"], "test": ["te0", "te1"]}
    assert [each.drawings for each in plain.classes] == [3] * 6
    # the same for another wrapping and seed, and turns on the side of their class.
    other = published(write(tmp_path / "wrapped", wrapped), tmp_path, ImagesData(split_seed=5))
    assert (names(other), other.source) == (names(plain), plain.source)
    turned = published(write(tmp_path / "own", own), tmp_path, ImagesData(rotations=True))
    assert [len(turned.splits[split]) for split in ("train", "validation", "test")] == [8, 8, 8]


def test_another_split_of_the_same_pictures_is_another_dataset(tmp_path):
    # Given the same classes in other splits, I expect another fingerprint.
    own = tree("train", "val", "test")
    swapped = {name.replace("train/tr1", "test/tr1"): data for name, data in own.items()}
    first, second = (
        published(write_folder(tmp_path / name, files), tmp_path) for name, files in (("a", own), ("b", swapped))
    )
    assert first.source != second.source
    assert names(second) == {"train": ["tr0"], "validation": ["va0", "va1"], "test": ["te0", "te1", "tr1"]}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            tree("train", "val", "test", shared={"test/tr0/x.png": picture(1), "val/tr0/y.png": picture(2)}),
            "1 class is in more than one split: 'tr0'; learning is judged on classes that it never saw",
        ),
        (tree("train", "test"), "it has folders of splits, but none for validation"),
        (tree("train", "val"), "it has folders of splits, but none for test"),
        (tree("train", "val", "holdout"), "18 pictures are not in the folder of a class"),
        (
            tree("train", "val", "test", shared={"test/tr0/0.png": picture(0)}),
            "'test/tr0/0.png' = 'train/tr0/0.png'",
        ),
    ],
    ids=["a class in several", "no validation", "no test", "another folder", "a picture in several"],
)
def test_a_tree_that_is_no_split(files, expected, tmp_path):
    # Given a tree that cannot be a split, I expect to be told why.
    with pytest.raises(DataError, match=expected):
        published(write_folder(tmp_path / "own", files), tmp_path)


def test_classes_that_are_called_as_splits_are(tmp_path):
    # Given classes of trains, tests and vals, I expect classes;
    own = {name.replace("class00", "train").replace("class01", "test"): data for name, data in classes().items()}
    found = published(write_folder(tmp_path / "own", own), tmp_path)
    assert {"train", "test"} < {each.name for each in found.classes}
    # of a folder "train" around all classes, what it was before: a folder around all classes.
    wrapped = {f"train/{name}": data for name, data in own.items()}
    assert published(write_folder(tmp_path / "wrapped", wrapped), tmp_path).source == found.source


def test_a_link_to_a_folder_of_a_class_is_followed(tmp_path):
    # Given a class that is a link to a folder elsewhere, in a plain folder and in a tree of splits
    plain = write_folder(tmp_path / "plain", classes())
    linked = write_folder(
        tmp_path / "linked", {name: data for name, data in classes().items() if "class05" not in name}
    )
    (linked / "class05").symlink_to(plain / "class05")
    # I expect the dataset that it would be without a link.
    assert published(linked, tmp_path).source == published(plain, tmp_path).source
    split = write_folder(tmp_path / "split", tree("train", "val", "test"))
    (split / "test" / "linked").symlink_to(plain / "class05")
    assert names(published(split, tmp_path))["test"] == ["linked", "te0", "te1"]


def test_other_links_are_refused(tmp_path):
    # Given links that lead around in circles, to a folder twice, to a file, deeper than a class, or nowhere
    elsewhere = write_folder(tmp_path / "elsewhere", {"a/0.png": picture(1), "a/b/1.png": picture(2)})
    place = write_folder(tmp_path / "own", classes())
    targets = {
        "up": tmp_path,
        "itself": place,
        "within": place / "class00",
        "once": elsewhere / "a",
        "twice": elsewhere / "a",
        "twice-inside": elsewhere / "a" / "b",
        "class00/deep": tmp_path / "elsewhere",
        "class00/file.png": elsewhere / "a" / "0.png",
        "nowhere": tmp_path / "gone",
        "loop": place / "loop",
    }
    for name, target in targets.items():
        (place / name).symlink_to(target)
    # I expect each to be named, but for the first link to a folder elsewhere.
    with pytest.raises(DataError, match="it has 9 problems") as caught:
        published(place, tmp_path)
    told = str(caught.value)
    assert all(f"{name!r} is a link: allowed are" in told for name in targets if name != "once")
    assert "'once' is a link" not in told


def test_a_link_inside_a_linked_class_is_refused(tmp_path):
    # Given a linked class that holds a link itself, I expect it to be refused.
    elsewhere = write_folder(tmp_path / "elsewhere", {"0.png": picture(9001), "1.png": picture(9002)})
    (elsewhere / "passwd.png").symlink_to("/etc/passwd")
    place = write_folder(tmp_path / "own", classes())
    (place / "linked").symlink_to(elsewhere)
    with pytest.raises(DataError, match=r"'linked/passwd.png' is a link"):
        published(place, tmp_path)
