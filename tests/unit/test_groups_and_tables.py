"""Groups never straddle a split; and which picture is of which class may stand in a table."""

from pathlib import Path

import pytest

from phiforge.base.errors import DataError
from phiforge.base.settings import Settings
from phiforge.spec.schema import recorded
from phiforge.tasks.datasets.bases.dataset import Dataset
from phiforge.tasks.datasets.bases.splits import shares_of_groups
from phiforge.tasks.datasets.images import Images, ImagesData
from phiforge_client.data.inspection import inspect
from tests.pictures import drawn, save


def built(place: Path, **data: object) -> Dataset:
    return Images(ImagesData.model_validate(data), Settings(images=place), lambda *_: None).build()


def split_of(dataset: Dataset) -> dict[str, set[str]]:
    """Return in which splits each class is, by its name."""
    found: dict[str, set[str]] = {}
    for split, classes in dataset.splits.items():
        for each in classes:
            found.setdefault(dataset.classes[each.source].name, set()).add(split)
    return found


@pytest.fixture
def alphabets(tmp_path: Path) -> Path:
    """Nine alphabets of four letters; each letter is called alike in all of them."""
    for alphabet in range(9):
        for letter in range(4):
            for index in range(3):
                path = tmp_path / "alphabets" / f"alphabet{alphabet}" / f"letter{letter}" / f"{index}.png"
                save(path, drawn(100 * alphabet + 10 * letter + index))
    return tmp_path / "alphabets"


def test_a_group_falls_into_one_split_whole(alphabets: Path) -> None:
    # Given classes in folders of groups, if they are grouped by the folder around a class's
    for seed in range(5):
        splits = split_of(built(alphabets, group_by=1, split_seed=seed))
        # I expect every class to be one of its own, and all classes of a group to be in one split.
        assert len(splits) == 36
        of_group: dict[str, set[str]] = {}
        for name, found in splits.items():
            of_group.setdefault(name.partition("/")[0], set()).update(found)
        assert all(len(found) == 1 for found in of_group.values())
        assert {split for found in of_group.values() for split in found} == {"train", "validation", "test"}


def test_without_groups_nothing_is_as_it_was_not(alphabets: Path) -> None:
    # Given the same folders and no groups, I expect a refusal, as ever; and no field in what is recorded of it.
    with pytest.raises(DataError, match="not in the folder of a class"):
        built(alphabets)
    assert not {"group_by", "labels"} & set(recorded(ImagesData()))


def test_groups_that_are_not_there(alphabets: Path) -> None:
    with pytest.raises(DataError, match=r"GROUP/CLASS/PICTURE"):
        built(alphabets, group_by=2)
    with pytest.raises(DataError, match="2 groups cannot be split"):
        shares_of_groups(["one"] * 9 + ["other"] * 9, 0.2, 0.2, 0)


def test_shares_are_reached_by_whole_groups() -> None:
    # Given groups of very different sizes, I expect each class once, in the split of its group, and none to be empty.
    groups = [name for name, size in {"a": 1, "b": 7, "c": 2, "d": 2, "e": 8}.items() for _ in range(size)]
    for seed in range(20):
        split = shares_of_groups(groups, 0.2, 0.2, seed)
        assert sorted(number for of in split.values() for number in of) == list(range(20))
        assert all(split.values())
        assert sum(len({groups[number] for number in of}) for of in split.values()) == 5
    # Given groups of one size, I expect no share to be missed.
    split = shares_of_groups([str(number // 2) for number in range(20)], 0.2, 0.2, 0)
    assert (len(split["test"]), len(split["validation"]), len(split["train"])) == (4, 4, 12)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Pictures in one heap, with a table of nine animals, of which three pictures each, by three people."""
    lines = ["\ufefffile_name; Label ;photographer"]
    for animal in range(9):
        for index in range(3):
            save(tmp_path / "photos" / "heap" / f"{animal}-{index}.png", drawn(10 * animal + index))
            lines.append(f"heap/{animal}-{index}.png;Tier {animal};person {animal % 3}")
    (tmp_path / "photos" / "labels.csv").write_text("\n".join(lines))
    return tmp_path / "photos"


def test_a_table_says_which_picture_is_of_which_class(photos: Path) -> None:
    # Given a table as a spreadsheet saves it, I expect its classes, and the pictures that it names.
    dataset = built(photos, labels="labels.csv")
    assert [each.name for each in dataset.classes] == [f"Tier {number}" for number in range(9)]
    assert list(dataset.files)[:3] == ["heap/0-0.png", "heap/0-1.png", "heap/0-2.png"]


def test_groups_by_a_column(photos: Path) -> None:
    splits = split_of(built(photos, labels="labels.csv", group_by="photographer"))
    by_person = [{next(iter(splits[f"Tier {number}"])) for number in range(person, 9, 3)} for person in range(3)]
    assert all(len(found) == 1 for found in by_person)
    # Given other groups of the same pictures, I expect another dataset.
    before = Images(ImagesData(labels="labels.csv", group_by="photographer"), Settings(images=photos)).fingerprint()
    table = photos / "labels.csv"
    table.write_text(table.read_text().replace("person 2", "person 1"))
    after = Images(ImagesData(labels="labels.csv", group_by="photographer"), Settings(images=photos)).fingerprint()
    assert before != after


def test_a_column_of_splits(photos: Path) -> None:
    # Given a table that says which split each picture is in, I expect those splits.
    lines = ["path,label,split"]
    for animal in range(9):
        split = ("train", "val", "test")[animal % 3]
        lines += [f"heap/{animal}-{index}.png,{animal},{split}" for index in range(3)]
    (photos / "labels.csv").write_text("\n".join(lines))
    splits = split_of(built(photos, labels="labels.csv"))
    assert splits["1"] == {"validation"}
    assert splits["5"] == {"test"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,label\nheap/0-0.png,a\nheap/gone.png,a\n", "1 picture of the table not there: 'heap/gone.png'"),
        ("path,label\nheap/0-0.png,a\nheap/0-0.png,b\n", "1 picture has several labels: 'heap/0-0.png'"),
        ("path,label\nheap/0-0.png,\n", "1 picture has no label"),
        ("path,label,split\nheap/0-0.png,a,nowhere\n", "there is no split 'nowhere'"),
        ("path,labell\nheap/0-0.png,a\n", "has no column label or class or category or target; it has: path, labell"),
        ("", "has no column path"),
        ('path,label\n"heap/0-0.png,a\n', "is no table"),
        ("path,label\n../../etc/passwd,a\n/etc/passwd,a\n", "2 pictures of the table not there"),
    ],
)
def test_a_table_that_is_wrong(text: str, said: str, photos: Path) -> None:
    # Given a table that is wrong, I expect a refusal that says what, and nothing of this machine to be read for it.
    (photos / "labels.csv").write_text(text)
    with pytest.raises(DataError) as error:
        built(photos, labels="labels.csv")
    assert said in str(error.value)


def test_a_table_or_column_that_is_not_there(photos: Path) -> None:
    with pytest.raises(DataError, match=r"did you mean 'labels.csv'"):
        built(photos, labels="label.csv")
    with pytest.raises(DataError, match=r"no column photograper.*did you mean 'photographer'"):
        built(photos, labels="labels.csv", group_by="photograper")
    with pytest.raises(DataError, match="'labels' must name a table"):
        inspect(Settings(images=photos), None, lambda *_: None, group_by="photographer")


def test_a_class_of_two_groups_is_refused(photos: Path) -> None:
    table = photos / "labels.csv"
    table.write_text(table.read_text().replace("heap/0-0.png;Tier 0;person 0", "heap/0-0.png;Tier 0;person 1"))
    with pytest.raises(DataError, match="1 class is of several groups: 'Tier 0'"):
        built(photos, labels="labels.csv", group_by="photographer")


def test_the_suggested_spec_keeps_table_and_groups(photos: Path) -> None:
    # Given a table and groups, if pictures are looked at, I expect a spec that has both.
    found = inspect(Settings(images=photos), None, lambda *_: None, labels="labels.csv", group_by="photographer")
    assert found.spec is not None
    assert (found.spec["data"]["labels"], found.spec["data"]["group_by"]) == ("labels.csv", "photographer")
    assert [each.classes for each in found.carries] == [3, 3, 3]
