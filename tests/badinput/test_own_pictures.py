"""Folders and zips that are a dataset: what their digest and splits depend on, and that they can be learned from."""

import shutil
import zipfile
from pathlib import Path

import pytest

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.datasets import load, prepare
from phiforge.runs.store import LocalStore
from phiforge.tasks.datasets.images import Images, ImagesData
from phiforge_client.submission import submit
from phiforge_sampler.service import Sampler
from phiforge_trainer.worker import Trainer
from tests.badinput.pictures import GREY, classes, picture, write_folder, write_zip


def test_folder_and_zip_are_the_same_dataset(tmp_path):
    # Given the same pictures in a folder, in another with what systems leave behind, and in two zips
    own = classes(count=10)
    rubbish = {"class00/.DS_Store": b"x", "Thumbs.db": b"x", "__MACOSX/class00/._0.png": b"x", ".git/x/y": b"z"}
    places = [
        write_folder(tmp_path / "a", own),
        write_folder(tmp_path / "b", own | rubbish),
        write_zip(tmp_path / "c.zip", own | rubbish),
        write_zip(tmp_path / "d.zip", {f"holidays/{name}": data for name, data in own.items()}, zipfile.ZIP_STORED),
    ]
    # If they are published, I expect one digest: where and how they lie does not matter;
    facts = [prepare(ImagesData(), Settings(images=place), LocalStore(tmp_path / "store")) for place in places]
    assert len({each.digest for each in facts}) == 1
    assert facts[0].input_shape == (1, 28, 28)
    assert facts[0].classes == {"train": 6, "validation": 2, "test": 2}
    # and another for a picture more, another name, another seed or colour.
    another = [
        (own | {"class00/9.png": picture(999)}, {}),
        ({name.replace("class00", "class0x"): data for name, data in own.items()}, {}),
        (own, {"split_seed": 1}),
        (own, {"colour": "rgb"}),
    ]
    for number, (changed, config) in enumerate(another):
        place = write_folder(tmp_path / f"other{number}", changed)
        digest = prepare(ImagesData(**config), Settings(images=place), LocalStore(tmp_path / "store")).digest
        assert digest != facts[0].digest


def test_splits_are_by_class_and_seed(tmp_path):
    # Given ten classes of different numbers of pictures, turned
    own = classes(count=10) | {f"class09/more{n}.png": picture(5000 + n) for n in range(3)}
    place = write_folder(tmp_path / "own", own)
    store = LocalStore(tmp_path / "store")
    built = {
        seed: load(prepare(ImagesData(split_seed=seed, rotations=True), Settings(images=place), store).digest, store)
        for seed in (0, 1)
    }
    # I expect every class on one side, with its turns, and all its pictures,
    for dataset in built.values():
        sides = [{each.source for each in dataset.splits[split]} for split in ("train", "validation", "test")]
        assert [len(side) for side in sides] == [6, 2, 2]
        assert set.union(*sides) == set(range(10))
        assert sum(each.drawings for each in dataset.classes) == len(dataset.images) == 43
        assert [each.drawings for each in dataset.classes] == [4] * 9 + [7]
        assert [len(dataset.splits[split]) for split in ("train", "validation", "test")] == [24, 8, 8]
    # and another seed to split otherwise.
    assert built[0].splits != built[1].splits


def test_the_folder_itself_may_be_a_link(tmp_path):
    # Given a link to a dataset, I expect the dataset.
    folder = write_folder(tmp_path / "own", classes())
    (tmp_path / "link").symlink_to(folder)
    assert (
        Images(GREY, Settings(images=tmp_path / "link")).fingerprint()
        == Images(GREY, Settings(images=folder)).fingerprint()
    )


@pytest.mark.services
@pytest.mark.parametrize(("colour", "channels"), [("grey", 1), ("rgb", 3)])
def test_they_can_be_learned_from(settings: Settings, tmp_path: Path, colour: str, channels: int) -> None:
    # Given pictures of ten classes
    place = write_folder(tmp_path / "own", classes(count=10))
    platform = Platform.open(settings.model_copy(update={"images": place}))
    spec = {
        "data": {"name": "images", "colour": colour, "image_size": 16},
        "task": {"n_way": 2, "k_shot": 1, "n_query": 2},
        "learner": {"name": "prototypical", "network": {"name": "conv4", "channels": 8}},
        "outer": {"versions": 2, "meta_batch": 2, "job_size": 1},
        "evaluation": {"every": 2, "validation_tasks": 2, "test_tasks": 2},
    }
    # If a run learns from them, whose services have not the pictures but what was published
    run = submit(platform, spec)
    shutil.rmtree(place)
    Sampler(platform).sample_training(run, 0, sent_at=0)
    for job in range(2):
        Trainer(platform).handle(run, 0, job, sent_at=0)
    # I expect its first version, of so many channels.
    state = platform.exchange.state(run)
    assert state
    assert state.head == 1
    assert platform.run(run).input_shape == (channels, 16, 16)
    platform.close()
