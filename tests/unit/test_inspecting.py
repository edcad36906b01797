"""What `phiforge data inspect` finds in a person's pictures, and what it suggests."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from phiforge.base.errors import DataError
from phiforge.base.settings import Settings
from phiforge.spec.read import parse_spec
from phiforge.tasks.datasets.bases.pictures.alike import nearly_alike, nearly_blank
from phiforge.tasks.datasets.images import Images, ImagesData
from phiforge_client.data.inspection import Inspection, inspect, write_contact_sheet
from phiforge_client.data.suggestion import as_yaml, share_of
from tests.pictures import draw_classes, drawn, save


def looked_at(place: Path) -> Inspection:
    return inspect(Settings(home=place.parent / "home"), place, lambda *_: None)


def test_pictures_that_are_well(tmp_path: Path) -> None:
    # Given 30 classes of 8 pictures, if they are looked at
    found = looked_at(draw_classes(tmp_path / "Birds of Ö", classes=30, pictures=8))
    # I expect no problem, every class in a split, and what each split carries.
    assert found.found.problems == []
    assert (len(found.found.classes), found.found.pictures) == (30, 240)
    assert [(each.split, each.classes, each.fewest, each.most_shots) for each in found.carries] == [
        ("train", 18, 8, 7),
        ("validation", 6, 8, 7),
        ("test", 6, 8, 7),
    ]
    assert set(found.found.sizes.values()) == {(40, 40)}
    # I expect a spec that is accepted, of grey pictures as small as theirs are, each classified by itself.
    spec = parse_spec(yaml.safe_load(as_yaml(found.spec, found.found)))
    assert (spec.name, spec.data.colour, spec.data.image_size) == ("birds-of", "grey", 32)
    judged = spec.evaluation_task
    assert (judged.n_way, judged.k_shot, judged.n_query) == (5, 1, 5)
    assert spec.learner.network.norm == "running"


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    # Given a broken picture, a doubled one in another format, one that was made lighter, a blank one and a text
    place = draw_classes(tmp_path / "pictures", classes=12, pictures=6)
    (place / "class-00" / "0.png").write_bytes(b"no picture")
    save(place / "class-01" / "copy.bmp", drawn(2000))
    lighter = drawn(3000).point(lambda value: min(255, value + 4))
    save(place / "class-04" / "lighter.png", lighter)
    save(place / "class-05" / "blank.png", Image.new("L", (40, 40), 250))
    (place / "README.txt").write_text("mine")
    # If they are looked at, I expect each under its own heading, and nothing to be told twice.
    told: list[str] = []
    found = inspect(Settings(), place, lambda what, done, total: told.append(what)).found
    assert not [each for each in told if "README.txt" in each]
    assert list(found.unreadable) == ["class-00/0.png"]
    assert found.doubled == [["class-01/copy.bmp", "class-02/0.png"]]
    assert found.alike == [["class-03/0.png", "class-04/lighter.png"]]
    assert found.blank == ["class-05/blank.png"]
    assert any("README.txt" in each for each in found.left_out)
    assert len(found.problems) == 2


def test_what_is_suggested_for_them_can_be_submitted(tmp_path: Path) -> None:
    # Given pictures of which some are broken and some doubled, if the suggested spec's dataset is built
    place = draw_classes(tmp_path / "pictures", classes=12, pictures=6)
    (place / "class-00" / "0.png").write_bytes(b"no picture")
    save(place / "class-01" / "copy.bmp", drawn(2000))
    found = looked_at(place)
    config = ImagesData.model_validate(found.spec["data"])
    dataset = Images(config, Settings(images=place), lambda *_: None).build()
    # I expect it to leave those out, and to have the classes in each split that were told.
    assert len(dataset.images) == 12 * 6 - 1
    assert {split: len(classes) for split, classes in dataset.splits.items()} == {
        each.split: each.classes for each in found.carries
    }
    names = {split: {dataset.classes[each.source].name for each in of} for split, of in dataset.splits.items()}
    assert names == {split: {each.name for each in found.found.of(split)} for split in names}


def test_colours_are_seen(tmp_path: Path) -> None:
    found = looked_at(draw_classes(tmp_path / "pictures", classes=9, pictures=3, colours=True))
    assert found.found.coloured == 27
    assert found.spec["data"]["colour"] == "rgb"


@pytest.mark.parametrize(("classes", "ways"), [(3, 1), (6, 2), (12, 4), (15, 5), (20, 5), (30, 5), (275, 5)])
def test_as_many_ways_as_there_are_classes_for(classes: int, ways: int, tmp_path: Path) -> None:
    # Given some number of classes, I expect as many ways as a third of them allow, five at most; none below two.
    found = looked_at(draw_classes(tmp_path / "pictures", classes=classes, pictures=2))
    if ways < 2:
        assert found.spec is None
    else:
        assert found.spec["evaluation"]["task"] == {"n_way": ways, "k_shot": 1, "n_query": 1}
        # and to be trained by harder tasks, as far as there are classes.
        trained = next(each.classes for each in found.carries if each.split == "train")
        assert found.spec["task"] == {"n_way": min(20, trained), "k_shot": 1, "n_query": 1}


def test_shares_of_classes() -> None:
    assert share_of(275) == share_of(25) == 0.2
    assert all(round(share_of(classes) * classes) >= min(5, classes // 3) for classes in range(3, 60))


def test_folders_of_splits_are_taken(tmp_path: Path) -> None:
    # Given folders that say which class is in which split, I expect those splits.
    for split in ("train", "val", "test"):
        draw = {"train": 0, "val": 100, "test": 200}[split]
        for number in range(3):
            for index in range(3):
                save(tmp_path / "p" / split / f"{split}{number}" / f"{index}.png", drawn(draw + 10 * number + index))
    found = looked_at(tmp_path / "p")
    assert {each.name for each in found.found.of("validation")} == {"val0", "val1", "val2"}


def test_a_sheet_shows_what_the_network_sees(tmp_path: Path) -> None:
    # Given a folder and a sheet of it
    place = draw_classes(tmp_path / "pictures", classes=6, pictures=3)
    found, file = looked_at(place), tmp_path / "sheet.png"
    settings = Settings(home=tmp_path / "home")
    assert write_contact_sheet(settings, found, file) == 6
    # I expect its first picture to be the first image of the dataset that the suggested spec makes.
    config = ImagesData.model_validate(found.spec["data"])
    first = found.found.of("train")[0].pictures[0]
    dataset = Images(config, Settings(images=place), lambda *_: None).build()
    image = dataset.images[list(dataset.files).index(first), 0]
    tile = np.asarray(Image.open(file).convert("L").crop((260, 4, 324, 68)).resize(image.shape, Image.Resampling.BOX))
    assert np.abs(tile.astype(int) - image).max() <= 1


def test_pictures_none_of_which_can_be_used(tmp_path: Path) -> None:
    # Given nothing but broken pictures, I expect all of them to be named, and no spec.
    for name in ("a/1.png", "a/2.png", "b/1.png"):
        (tmp_path / "p" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "p" / name).write_bytes(b"no picture")
    found = looked_at(tmp_path / "p")
    assert sorted(found.found.unreadable) == ["a/1.png", "a/2.png", "b/1.png"]
    assert found.spec is None


def test_a_place_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no class"):
        looked_at(tmp_path / "empty")


def test_pictures_that_look_the_same_are_found_among_many() -> None:
    # Given images of noise and copies of some, a little darker, I expect the copies to be found and nothing else.
    images = np.random.default_rng(0).integers(0, 240, (700, 1, 32, 32), np.uint8)
    copies = images[[3, 650]] + np.uint8(9)
    assert nearly_alike(np.concatenate([images, copies])) == [[3, 700], [650, 701]]
    assert nearly_alike(images[:0]) == []


def test_blank_is_what_has_nearly_one_value() -> None:
    images = np.full((3, 3, 32, 32), 200, np.uint8)
    images[1, :, :4, :4] = 0
    images[2, :, 0, 0] = 210
    assert nearly_blank(images).tolist() == [True, False, True]
