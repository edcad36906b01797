"""From a version to the source items behind it, and from an item back to the versions it took part in."""

import io
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from rich.console import Console

from phiforge.base.errors import RunError
from phiforge.fleet.platform import Platform
from phiforge.runs.datasets import load, load_catalogue
from phiforge.runs.keys import training_episodes_key
from phiforge.tasks.episodes import EpisodeBatch
from phiforge_client.lineage_view import print_where
from phiforge_client.submission import submit
from phiforge_client.verification import verify
from phiforge_client.why import where, why
from tests.badinput.pictures import classes, write_folder
from tests.integration.lineage.runs import VERSIONS, move, spec_of

pytestmark = pytest.mark.services


def test_why(platform: Platform, trained: str) -> None:
    # Given a version
    found = why(platform, trained, 4)
    dataset = load(platform.run(trained).dataset, platform.store)
    size = {each.name: each for each in dataset.classes}
    # I expect every example of every episode behind it to be an image of the dataset, as it was turned,
    for job in found.jobs:
        assert job.as_logged
        batch = EpisodeBatch.from_bytes(platform.store.get(training_episodes_key(trained, 3, job.job)))
        assert len(job.episodes) == len(batch) == 2
        for index, episode in enumerate(job.episodes):
            assert (len(episode.support), len(episode.query)) == (5, 15)
            for items, images in ((episode.support, batch.support_x), (episode.query, batch.query_x)):
                for item, image in zip(items, images[index], strict=True):
                    assert size[item.name].first + item.drawing == item.image
                    turned = np.rot90(dataset.images[item.image], item.quarter_turns, axes=(1, 2))
                    assert np.array_equal(image, turned)
    # and from each the way back to this version, its job and its episode.
    item = found.jobs[1].episodes[0].query[7]
    back = where(platform, trained, item.name, item.drawing).appearances
    assert (4, 1, 0, "query", item) in [tuple(each) for _, each in back]
    assert {each.item.image for _, each in back} == {item.image}
    of_class = where(platform, trained, item.name).appearances
    assert {each.version for _, each in back} <= {each.version for _, each in of_class}
    counted = sum(
        each.name == item.name
        for version in range(1, VERSIONS + 1)
        for job in why(platform, trained, version).jobs
        for episode in job.episodes
        for each in (*episode.support, *episode.query)
    )
    assert len(of_class) == counted


def test_why_not(platform: Platform, trained: str) -> None:
    # Given what has no episodes behind it, or does not exist, I expect to be told so, with what there is.
    with pytest.raises(RunError, match="drawn from the seed"):
        why(platform, trained, 0)
    with pytest.raises(RunError, match="allowed: 0 to 8"):
        why(platform, trained, 99)
    with pytest.raises(RunError, match=r"no class or file 'nobody'; the first are: "):
        where(platform, trained, "nobody")
    name = why(platform, trained, 1).jobs[0].episodes[0].support[0].name
    with pytest.raises(RunError, match="has no drawing 8; allowed: 0 to 7"):
        where(platform, trained, name, 8)


def test_source_files(platform: Platform, trained: str) -> None:
    # Given a version, I expect each of its items to name the file that its image was made from, and the way back from
    # a class to name it too.
    items = why(platform, trained, 4).jobs[0].episodes[0].query
    files = load_catalogue(platform.run(trained).dataset, platform.store).files
    assert [item.file for item in items] == [files[item.image] for item in items]
    assert {PurePosixPath(file).suffix for file in files} == {".ttf"}
    back = where(platform, trained, items[0].name, items[0].drawing).appearances
    assert {each.item.file for _, each in back} == {items[0].file}


def test_by_file(platform: Platform, tmp_path: Path) -> None:
    # Given a run on a person's own pictures
    place = write_folder(tmp_path / "own", classes())
    settings = platform.settings.model_copy(update={"images": place})
    own = Platform.open(settings)
    data = {"name": "images", "image_size": 16, "validation": 0.3, "test": 0.3}
    run = submit(own, spec_of(data=data, task={"n_way": 2, "k_shot": 1, "n_query": 1}, outer={"versions": 2}))
    move(own, run, 2)
    # I expect its items to be found by the names of their files,
    item = why(own, run, 1).jobs[0].episodes[0].support[0]
    assert item.file.startswith(f"{item.name}/")
    by_file, by_number = where(own, run, item.file), where(own, run, item.name, item.drawing)
    assert by_file.appearances == by_number.appearances
    assert by_file.split == "train"
    own.close()


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_class_that_judges(platform: Platform, trained: str, split: str) -> None:
    # Given a class that no training task is drawn from, I expect to be told which split it is of, and no place.
    catalogue = load_catalogue(platform.run(trained).dataset, platform.store)
    name = catalogue.classes[catalogue.splits[split][0].source].name
    found = where(platform, trained, name)
    assert (found.split, found.appearances) == (split, [])
    console = Console(file=io.StringIO(), width=200)
    print_where(console, found)
    said = console.file.getvalue()
    assert f"'{name}' is of the {split} split of run {trained}: no version of φ learned from it" in said


@pytest.mark.parametrize(("rotations", "augmentation"), [(True, "mirror"), (False, "turn")])
def test_mirrored_and_turned_items(platform: Platform, rotations: bool, augmentation: str) -> None:
    # Given a run that turns its classes and mirrors them
    data = {"name": "glyphs", "drawings": 8, "image_size": 16, "rotations": rotations}
    run = submit(platform, spec_of(data=data, sampling={"augmentation": augmentation}, outer={"versions": 1}))
    move(platform, run, 1)
    # I expect the items to say so, and to be found by that.
    batch = EpisodeBatch.from_bytes(platform.store.get(training_episodes_key(run, 0, 0)))
    dataset = load(platform.run(run).dataset, platform.store)
    items = why(platform, run, 1).jobs[0].episodes[1].support
    assert {item.mirrored for item in items} == {True, False}
    for item, image in zip(items, batch.support_x[1], strict=True):
        turned = np.rot90(dataset.images[item.image], item.quarter_turns, axes=(1, 2))
        assert np.array_equal(image, np.flip(turned, axis=2) if item.mirrored else turned)
    assert items[0] in [each.item for _, each in where(platform, run, items[0].name).appearances]


def test_a_formula_has_no_items(platform: Platform) -> None:
    # Given a regression
    spec = spec_of(
        data={"name": "sinusoid"},
        task={"n_way": 1, "k_shot": 5, "n_query": 5},
        learner={"name": "maml", "network": {"name": "mlp"}},
        outer={"versions": 2},
    )
    run = submit(platform, spec)
    move(platform, run, 2)
    # I expect its steps to be verified, its episodes to be named, and no items.
    assert verify(platform, run).differences == []
    assert all(job.as_logged for job in why(platform, run, 2).jobs)
    with pytest.raises(RunError, match="drawn from a formula"):
        where(platform, run, "A")
