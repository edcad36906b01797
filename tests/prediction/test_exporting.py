"""A folder to share: what it holds, and that it does as the run it came from."""

import json

import pytest
import yaml

import phiforge
from phiforge.base.errors import TaskError
from phiforge.prediction.exporting import export
from phiforge.spec.read import parse_spec


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    """A model in a folder."""
    folder = tmp_path_factory.mktemp("exported") / "my-model"
    return {file.name: file for file in export(model("proto"), folder)}


def test_it_does_as_the_run(model, support, query, exported):
    # Given an exported model, if it is loaded by its folder or its file, I expect the run's answers, to the bit,
    wanted = model("proto").adapt(support, calibrate=False).predict(query)
    file = exported["model.safetensors"]
    for place in (file.parent, file, str(file)):
        assert phiforge.load(place).adapt(support, calibrate=False).predict(query) == wanted
    # and the calibration of the shape that is most like the support set's, of five ways and two shots.
    calibration = phiforge.load(file).adapt(support).calibration
    assert (calibration.n_way, calibration.k_shot) == (5, 1)
    assert calibration.threshold is None


def test_a_threshold_comes_along(support, exported):
    # Given an export, if strangers are to be told by the rate that it knows, I expect a threshold;
    model = phiforge.load(exported["model.safetensors"])
    assert model.adapt(support, false_accept=0.05).calibration.threshold is not None
    # by another, to be told which it knows.
    with pytest.raises(TaskError, match=r"0\.05 for 5 classes"):
        model.adapt(support, false_accept=0.3)


def test_what_else_is_in_it(model, exported):
    # Given the other files, I expect the spec to be one, the preprocessing to say how pictures are made small,
    learned = model("proto").learned
    spec = parse_spec(yaml.safe_load(exported["spec.yaml"].read_text()))
    assert spec.hash == learned.spec_hash
    assert json.loads(exported["preprocessing.json"].read_text()) == {
        "input_shape": [1, 16, 16],
        "picture": {"side": 16, "colours": False, "inverted": True},
    }
    # and a card with its front matter and every hash, that claims no accuracy on test tasks that nobody looked at.
    _, front, body = exported["README.md"].read_text().split("---\n", 2)
    read = yaml.safe_load(front)
    assert (read["library_name"], read["pipeline_tag"]) == ("phiforge", "image-classification")
    assert "model-index" not in read
    assert "no accuracy to give" in body
    assert all(value in body for value in (learned.run, learned.phi_hash, learned.spec_hash, "| 5-way 1-shot"))
