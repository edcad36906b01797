"""From a run and a few pictures to labels with probabilities."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import phiforge
from phiforge.base.errors import DataError, FormatError, RunError, TaskError
from phiforge.prediction.pictures import inputs_of
from phiforge.tasks.datasets.bases.dataset import SPLITS
from tests.prediction.drawn import letter

LETTERS = "AKOTX"


def labels(predictions):
    return [each.label for each in predictions]


def close(left, right):
    """Say whether two lists of predictions say the same, but for rounding."""
    pairs = zip(left, right, strict=True)
    return all(dict(a.ranked) == pytest.approx(dict(b.ranked), abs=1e-5) for a, b in pairs)


def test_five_lines(runs, support, query, monkeypatch, home):
    # Given a run in the store that the environment names, and folders of letters
    monkeypatch.setenv("PHIFORGE_HOME", str(home))
    # If it is loaded by its beginning, adapted and asked
    classifier = phiforge.load(runs("proto")[:-2]).adapt(support)
    found = classifier.predict(query)
    # I expect an answer for each picture, in order of path, all labels with probabilities that add up,
    assert [each.picture for each in found] == sorted(map(str, query.rglob("*.png")))
    assert classifier.labels == tuple(LETTERS)
    for each in found:
        shares = [share for _, share in each.ranked]
        assert sum(shares) == pytest.approx(1)
        assert shares == sorted(shares, reverse=True)
        assert (each.label, each.probability) == each.top(1)[0]
    # and most of them right: chance is a fifth.
    right = [each.label == each.picture.split("/")[-2] for each in found]
    assert sum(right) > 0.6 * len(right)


@pytest.mark.parametrize("name", ["proto", "running", "maml"])
def test_a_picture_alone_is_told_as_among_others(model, support, query, name):
    # Given a classifier, transductive by its network or not, if pictures are given one by one and together
    classifier = model(name).adapt(support, calibrate=False)
    together = classifier.predict(query)
    alone = [classifier.predict(each.picture)[0] for each in together]
    # I expect the same answers.
    assert not classifier.transductive
    assert close(alone, together)


@pytest.mark.parametrize("name", ["proto", "maml"])
def test_together_when_asked(model, support, query, name):
    # Given a learner that normalises by the set at hand, if it is asked to look at all pictures together
    classifier = model(name).adapt(support, calibrate=False, transductive=True)
    together = classifier.predict(query)
    # I expect that it says so, and that an answer depends on the others.
    assert classifier.transductive
    assert not close([classifier.predict(each.picture)[0] for each in together], together)


def test_together_means_nothing_where_no_query_sees_another(model, support):
    # Given averages in φ, if pictures are to be looked at together, I expect that it is said that they are not.
    assert not model("running").adapt(support, calibrate=False, transductive=True).transductive


def test_all_forms_of_a_picture(model, support, tmp_path):
    # Given one picture as a path, bytes, an image, an array, a tensor, and as an input already
    classifier = model("proto").adapt(support, calibrate=False)
    image = letter("K", 4)
    image.save(tmp_path / "k.png")
    pixels = np.asarray(image)
    ready = inputs_of(image, classifier.learned).x[0]
    forms = [
        tmp_path / "k.png",
        str(tmp_path / "k.png"),
        (tmp_path / "k.png").read_bytes(),
        image,
        pixels,
        torch.from_numpy(pixels.copy()).permute(2, 0, 1),
        pixels[..., 0],
        ready,
        ready.numpy(),
    ]
    # If each is predicted by itself, and all in one list, I expect the same answer;
    wanted = classifier.predict(image) * len(forms)
    assert close([classifier.predict(form)[0] for form in forms], wanted)
    assert close(classifier.predict(forms), wanted)
    # and batches to be many pictures.
    assert len(classifier.predict(torch.stack([ready] * 3))) == 3
    assert len(classifier.predict(np.stack([pixels] * 3))) == 3
    assert len(classifier.predict(np.stack([pixels[..., 0]] * 70))) == 70


def test_pictures_are_made_as_training_pictures_were(model, support):
    # Given a dataset of light ink on black, if a dark letter on white is made an input
    learned = model("proto").learned
    x = inputs_of(letter("T"), learned).x
    # I expect its shape, black paper and light ink.
    assert tuple(x.shape[1:]) == learned.input_shape
    assert float(x[0, 0, 0, 0]) == 0
    assert float(x.max()) > 0.8


def test_all_forms_of_a_support_set(model, support, query):
    # Given a folder of classes, and the same as a mapping, and as pictures with labels
    files = sorted(support.rglob("*.png"))
    by_label = {label: [file for file in files if file.parent.name == label] for label in LETTERS}
    images = [Image.open(file) for file in files]
    made = [
        model("proto").adapt(support, calibrate=False),
        model("proto").adapt(by_label, calibrate=False),
        model("proto").adapt(images, labels=[file.parent.name for file in files], calibrate=False),
    ]
    # If they predict, I expect the same of all.
    first, *others = [classifier.predict(query) for classifier in made]
    assert all(close(first, each) for each in others)


@pytest.mark.parametrize(("classes", "shots"), [("AK", 1), ("AKOTXHZ", 3)])
def test_any_number_of_classes_and_shots(model, classes, shots):
    # Given other numbers of classes and pictures than those of training, not even the same of each class
    support = {each: [letter(each, number) for number in range(shots + (each == "K"))] for each in classes}
    # If a learner that compares is adapted, I expect it to tell them apart.
    classifier = model("proto").adapt(support, calibrate=False)
    found = classifier.predict([letter(each, 5) for each in classes])
    assert len(found[0].ranked) == len(classes)
    assert sum(map(str.__eq__, labels(found), classes)) > len(classes) / 2


def test_a_head_takes_its_own_number_of_classes(model):
    # Given MAML of five ways, if seven classes are given, I expect an error that names both, and what takes any number.
    support = {each: [letter(each)] for each in "AKOTXHZ"}
    with pytest.raises(TaskError, match=r"7 classes.*head for 5.*task\.n_way=7.*prototypical"):
        model("maml").adapt(support)


@pytest.mark.parametrize("name", ["proto", "maml"])
def test_a_classifier_is_kept(model, support, query, tmp_path, name):
    # Given a classifier that is saved, if it is loaded, I expect the same answers, to the bit, and the same labels.
    classifier = model(name).adapt(support)
    classifier.save(tmp_path / "kept")
    again = phiforge.load_classifier(tmp_path / "kept")
    assert again.predict(query) == classifier.predict(query)
    assert again.calibration == classifier.calibration
    # If a bit of it changes, I expect that it is refused.
    file = tmp_path / "kept" / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1000] ^= 1
    file.write_bytes(data)
    with pytest.raises(FormatError, match="damaged"):
        phiforge.load_classifier(tmp_path / "kept")


def test_a_model_and_a_classifier_are_not_mistaken(model, support, tmp_path):
    # Given a saved classifier and something else, if each is loaded as what it is not, I expect to be told so.
    model("proto").adapt(support, calibrate=False).save(tmp_path / "kept")
    with pytest.raises(FormatError, match="load_classifier"):
        phiforge.load(tmp_path / "kept")
    with pytest.raises(DataError, match=r"Classifier\.save"):
        phiforge.load_classifier(tmp_path / "nothing")
    (tmp_path / "x.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(FormatError, match="no whole file"):
        phiforge.load(tmp_path / "x.safetensors")


def test_all_broken_pictures_at_once(model, support, tmp_path):
    # Given two broken pictures among others, if they are predicted, I expect one error that names both.
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"no picture")
    classifier = model("proto").adapt(support, calibrate=False)
    with pytest.raises(DataError, match=r"(?s)2 pictures cannot be used.*a\.png.*b\.png"):
        classifier.predict([tmp_path / "a.png", tmp_path / "b.png", letter("A")])


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        ([], "at least one"),
        ("nothing/there.png", "No such file"),
        (np.zeros((2, 8, 8, 7), np.uint8), "uint8"),
        (torch.full((1, 16, 16), 2.0), r"\[0, 1\]"),
        (torch.zeros(3, 16, 16), r"\(1, 16, 16\)"),
        ([object()], "allowed are paths"),
    ],
)
def test_what_is_no_picture_is_refused(model, support, pictures, said):
    # Given something that is no picture, if it is predicted, I expect a sentence that says what is allowed.
    classifier = model("proto").adapt(support, calibrate=False)
    with pytest.raises(DataError, match=said):
        classifier.predict(pictures)


@pytest.mark.parametrize(
    ("support", "labels", "said"),
    [
        ({"A": [letter("A")]}, None, "1 class: allowed are 2"),
        ([letter("A"), letter("K")], None, "labels="),
        ([letter("A"), letter("K")], ["A"], "2 pictures and 1 labels"),
        ({}, None, "empty"),
    ],
)
def test_what_is_no_support_set_is_refused(model, support, labels, said):
    # Given something that is no support set, if a model is adapted, I expect a sentence that says what is allowed.
    with pytest.raises(TaskError, match=said):
        model("proto").adapt(support, labels)


def test_versions(runs, settings, home):
    # Given a run of two checkpoints, I expect the validated one by default, the other if asked for, and no third.
    assert phiforge.load(runs("proto"), settings=settings).learned.version == 40
    assert phiforge.load(runs("proto"), 0, settings=settings).learned.version == 0
    with pytest.raises(RunError, match="allowed: 0, 40"):
        phiforge.load(runs("proto"), 7, settings=settings)
    with pytest.raises(RunError, match="no run 'nothing'"):
        phiforge.load("nothing", settings=settings)


def test_nothing_but_the_store_is_needed(runs, home, support, query):
    # Given a process without Redis, and with no way to import it
    program = (
        "import sys, phiforge\n"
        "assert 'torch' not in sys.modules\n"
        "sys.modules['redis'] = sys.modules['celery'] = None\n"
        f"found = phiforge.load({runs('proto')!r}).adapt({str(support)!r}).predict({str(query)!r})\n"
        "print(len(found))\n"
    )
    # If it predicts, I expect that it does.
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PHIFORGE_HOME": str(home), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "20\n"), done.stderr


def test_splits_are_no_classes(model, tmp_path):
    # Given a folder of train, val and test, if it is a support set, I expect to be told to name one of them.
    for split in SPLITS:
        for label in ("A", "K"):
            folder = tmp_path / split / label
            folder.mkdir(parents=True)
            letter(label).save(folder / "1.png")
    with pytest.raises(DataError, match="name one of them"):
        model("proto").adapt(tmp_path)


def test_the_support_set_is_looked_at_once(model, support, query, monkeypatch):
    # Given a classifier that compares pictures, if it is asked twice for the nearest ones
    running = model("running")
    neighbours = running.adapt(support, calibrate=False).neighbours
    x = inputs_of([str(query / "A" / "3.png")], running.learned).x
    looked = []
    features = type(neighbours)._features
    monkeypatch.setattr(type(neighbours), "_features", lambda self, x: looked.append(len(x)) or features(self, x))
    assert neighbours.of(x, 3) == neighbours.of(x, 3)
    # I expect the features of its ten support pictures to be computed once.
    assert looked.count(10) == 1
