"""Folders and zips that are no dataset of pictures: each is refused before anything is queued, whatever it is up to."""

import pytest

from phiforge.base.errors import DataError, SpecError
from phiforge.base.settings import Settings
from phiforge.runs.datasets import prepare
from phiforge.runs.store import LocalStore
from phiforge.spec.checks import DatasetFacts
from phiforge.spec.read import parse_spec
from phiforge.tasks.datasets import images
from phiforge.tasks.datasets.bases.files import limits
from phiforge.tasks.datasets.images import Images, ImagesData
from tests.badinput.pictures import classes, write_folder, write_zip
from tests.badinput.places import PLACES


@pytest.mark.parametrize("wrong", PLACES, ids=lambda wrong: wrong.name)
def test_refused(wrong, tmp_path):
    # Given a place that is no dataset, and a store
    place = wrong.make(tmp_path)
    store = LocalStore(tmp_path / "store")
    before = sorted(tmp_path.rglob("*"))
    # If a run wants it, I expect an error that says what is wrong and what is allowed,
    with pytest.raises((DataError, SpecError), match=wrong.expected):
        prepare(ImagesData(), Settings(images=place, home=tmp_path / "home"), store)
    # nothing published, and nothing written anywhere.
    assert list(store.list("")) == []
    assert sorted(tmp_path.rglob("*")) == before


def test_too_much_is_refused_before_it_is_read(tmp_path, monkeypatch):
    # Given limits that a few pictures pass, I expect each to be refused by its own.
    folder = write_folder(tmp_path / "own", classes())
    archive = write_zip(tmp_path / "own.zip", classes())
    for place in (folder, archive):
        for module, name, limit, expected in (
            (images, "MOST_FILES", 10, "more than 10|24 files: more than 10"),
            (images, "MOST_BYTES", 100, "are more than 100 bytes: lower data.image_size"),
            (limits, "MOST_FILE_BYTES", 100, "more than 100"),
        ):
            with monkeypatch.context() as patch:
                patch.setattr(module, name, limit)
                with pytest.raises(DataError, match=expected):
                    prepare(ImagesData(), Settings(images=place), LocalStore(tmp_path / "store"))
    monkeypatch.setattr(limits, "MOST_UNPACKED_BYTES", 1000)
    with pytest.raises(DataError, match="more than 1000 is a bomb"):
        Images(ImagesData(), Settings(images=archive))


def test_a_class_with_too_few_for_the_task(tmp_path):
    # Given classes of four pictures, if tasks want six, I expect what the spec may ask for.
    place = write_folder(tmp_path / "own", classes(count=10))

    def facts_of(data):
        facts = prepare(data, Settings(images=place), LocalStore(tmp_path / "store"))
        return DatasetFacts(facts.classes, facts.drawings)

    with pytest.raises(SpecError, match="1 \\+ 5 = 6, but a class of the train split has 4 drawings"):
        parse_spec({"data": {"name": "images"}}, facts_of)
    with pytest.raises(SpecError, match="5 ways, but the test split has 2 classes"):
        parse_spec({"data": {"name": "images"}, "task": {"n_query": 1}}, facts_of)
