"""A classifier as an ONNX file: the same answers without Phiforge."""

import numpy as np
import onnxruntime
import pytest

from phiforge.base.errors import TaskError
from phiforge.prediction.onnx_file import write_onnx
from phiforge.prediction.pictures import inputs_of


@pytest.mark.parametrize("name", ["proto", "running", "maml"])
def test_the_same_answers(model, support, query, tmp_path, name):
    # Given a calibrated classifier that is written as ONNX
    classifier = model(name).adapt(support)
    assert write_onnx(classifier, tmp_path / "x.onnx") < 1e-4
    # If new pictures are shown to it by onnxruntime, I expect the classifier's labels and probabilities.
    session = onnxruntime.InferenceSession(tmp_path / "x.onnx")
    labels = session.get_modelmeta().custom_metadata_map["labels"].split("\n")
    inputs = inputs_of(query, classifier.learned)
    for x, wanted in zip(inputs.x, classifier.predict(query), strict=True):
        [found] = session.run(["probabilities"], {"picture": x[None].numpy()})
        assert found.shape == (1, 5)
        assert dict(zip(labels, found[0], strict=True)) == pytest.approx(dict(wanted.ranked), abs=1e-4)
        assert labels[int(np.argmax(found))] == wanted.label


def test_not_of_many_pictures(model, support, tmp_path):
    # Given a classifier that looks at all pictures together, if it is to be written, I expect a sentence that says why.
    with pytest.raises(TaskError, match="ONNX at one"):
        write_onnx(model("proto").adapt(support, transductive=True, calibrate=False), tmp_path / "x.onnx")
