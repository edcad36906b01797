"""Tables in JSON say which picture is of which class: as Hugging Face and COCO write them."""

import json
from pathlib import Path
from typing import Any

import pytest

from phiforge.base.errors import DataError
from phiforge.base.settings import Settings
from phiforge.tasks.datasets.images import Images, ImagesData
from tests.pictures import drawn, save

CLASSES, PICTURES = 6, 3
AWAY, ONE = [{"id": 0, "file_name": "../../etc/passwd"}], [{"image_id": 0, "category_id": 1}]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Pictures of six classes in one heap."""
    for number in range(CLASSES * PICTURES):
        save(tmp_path / "photos" / "images" / f"{number}.png", drawn(number))
    return tmp_path / "photos"


def built(photos: Path, labels: str, group_by: int | str = 0) -> dict[str, tuple[str, list[str]]]:
    """Return of each class its split and its files."""
    dataset = Images(ImagesData(labels=labels, group_by=group_by), Settings(images=photos), lambda *_: None).build()
    split = {each.source: name for name, of in dataset.splits.items() for each in of}
    return {
        each.name: (split[number], list(dataset.files[each.first : each.first + each.drawings]))
        for number, each in enumerate(dataset.classes)
    }


def coco(**changes: Any) -> dict[str, Any]:
    """Return annotations in COCO's form, of pictures that are named without their folder."""
    numbers = range(CLASSES * PICTURES)
    return {
        "info": {"year": 2026},
        "images": [
            {"id": each, "file_name": f"{each}.png", "place": f"place {each % CLASSES // 2}"} for each in numbers
        ],
        "annotations": [{"id": each, "image_id": each, "category_id": each % CLASSES + 1} for each in numbers],
        "categories": [{"id": each + 1, "name": f"animal {each}"} for each in range(CLASSES)],
    } | changes


def write_coco(photos: Path, content: Any) -> str:
    """Write annotations beside the folder of the pictures, and return where."""
    (photos / "annotations").mkdir()
    (photos / "annotations" / "instances.json").write_text(json.dumps(content))
    return "annotations/instances.json"


def test_coco(photos: Path) -> None:
    # Given annotations in COCO's form in a folder of their own, I expect its categories as classes;
    labels = write_coco(photos, coco())
    found = built(photos, labels)
    assert list(found) == [f"animal {each}" for each in range(CLASSES)]
    assert found["animal 1"][1] == ["images/1.png", "images/13.png", "images/7.png"]
    # if images are of groups by a field, whole groups in a split.
    groups = built(photos, labels, group_by="place")
    assert all(groups[f"animal {each}"][0] == groups[f"animal {each + 1}"][0] for each in (0, 2, 4))


def test_a_picture_with_several_annotations(photos: Path) -> None:
    # Given a picture that two annotations say is of one category, I expect it once; of two, a refusal that names it.
    twice = coco()["annotations"] + [{"id": 99, "image_id": 0, "category_id": 1}]
    labels = write_coco(photos, coco(annotations=twice))
    assert built(photos, labels)["animal 0"][1] == ["images/0.png", "images/12.png", "images/6.png"]
    contradicting = [*twice, {"id": 100, "image_id": 0, "category_id": 2}]
    (photos / labels).write_text(json.dumps(coco(annotations=contradicting)))
    with pytest.raises(DataError, match=r"1 picture has several labels: 'images/0.png'"):
        built(photos, labels)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[1, 2]", "is list: expected a JSON object"),
        ('{"images": []}', "expected lists of objects images, annotations, categories; it has: 'images'"),
        ('{"images": [1], "annotations": [], "categories": []}', "is no COCO file"),
        (json.dumps(coco(categories=[])), "image '0' and category '1', of which one is not in it"),
        (json.dumps(coco(images=AWAY, annotations=ONE)), "not there: '../../etc/passwd'"),
    ],
)
def test_coco_that_is_wrong(content: str, said: str, photos: Path) -> None:
    # Given what is no COCO file, I expect a sentence that says what is wrong, and nothing of this machine to be read.
    (photos / "labels.json").write_text(content)
    with pytest.raises(DataError) as error:
        built(photos, "labels.json")
    assert said in str(error.value)


def test_json_lines(photos: Path) -> None:
    # Given a metadata.jsonl, whose labels may be numbers, beside its pictures, I expect its classes.
    lines = [json.dumps({"file_name": f"{each}.png", "label": each % CLASSES}) for each in range(CLASSES * PICTURES)]
    (photos / "images" / "metadata.jsonl").write_text("\n".join(lines) + "\n\n")
    found = built(photos, "images/metadata.jsonl")
    assert {name: files for name, (_, files) in found.items()}["2"] == ["images/14.png", "images/2.png", "images/8.png"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"file_name": "1.png", "label": "a"}\nnothing', "line 2, is no JSON"),
        ('["1.png", "a"]', "line 1, is list"),
        ('{"file": "1.png", "text": "a"}', "no column label or class or category or target; it has: file, text"),
        ('{"file_name": "1.png", "label": null}', "1 picture has no label"),
        ('{"file_name": NaN, "label": Infinity}', "not there"),
    ],
)
def test_json_lines_that_are_wrong(content: str, said: str, photos: Path) -> None:
    # Given lines that are wrong, I expect a sentence that says which and why.
    (photos / "images" / "metadata.jsonl").write_text(content)
    with pytest.raises(DataError) as error:
        built(photos, "images/metadata.jsonl")
    assert said in str(error.value)


def test_lines_end_where_json_lines_do(photos: Path) -> None:
    # Given labels with separators of Unicode in them, which JSON leaves as they are, I expect them in the labels.
    separators = "\u2028\u2029\x85"
    lines = [
        json.dumps({"file_name": f"{each}.png", "label": f"{each % CLASSES}{separators}x"}, ensure_ascii=False)
        for each in range(CLASSES * PICTURES)
    ]
    (photos / "images" / "metadata.jsonl").write_bytes("\r\n".join(lines).encode())
    assert len(built(photos, "images/metadata.jsonl")) == CLASSES


def test_a_table_takes_no_picture_of_another_split(tmp_path: Path) -> None:
    # Given a table in each folder of a split, if one names a picture that only another split has, I expect it to be
    # missing, not to be taken from there.
    for number, split in enumerate(("train", "validation", "test")):
        names = [f"{split}-{each}.png" for each in range(PICTURES)]
        for each, name in enumerate(names):
            save(tmp_path / split / name, drawn(10 * number + each))
        named = [*names, "test-0.png"] if split == "train" else names
        lines = ["file_name,label", *(f"{name},class {number}" for name in named)]
        (tmp_path / split / "metadata.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"1 picture of the table not there: 'train/test-0.png'"):
        built(tmp_path, "metadata.csv")


def test_a_table_in_each_folder_of_a_split(tmp_path: Path) -> None:
    # Given the layout that Hugging Face calls imagefolder, with a metadata.csv in train, validation and test
    for number, split in enumerate(("train", "validation", "test")):
        names = [f"{each}.png" for each in range(PICTURES)]
        for each, name in enumerate(names):
            save(tmp_path / split / name, drawn(10 * number + each))
        lines = ["file_name,label", *(f"{name},class {number}" for name in names)]
        (tmp_path / split / "metadata.csv").write_text("\n".join(lines))
    # If the tables are named, I expect the classes of each in its split.
    found = built(tmp_path, "metadata.csv")
    assert {name: split for name, (split, _) in found.items()} == {
        "class 0": "train",
        "class 1": "validation",
        "class 2": "test",
    }
