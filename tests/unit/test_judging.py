"""Which version of φ is the best."""

from types import SimpleNamespace

import pytest

from phiforge.runs.judging import best_version
from phiforge.runs.record import Record
from phiforge.runs.store import LocalStore
from phiforge.runs.submitted import RunRecord
from phiforge.spec.run import RunSpec

OF_IMAGES, OF_VALUES = RunSpec(), RunSpec.model_validate({"data": {"name": "sinusoid"}})
IMAGES = RunRecord("images", OF_IMAGES, OF_IMAGES.hash, "digest", (1, 28, 28), 300, 0.0)
VALUES = RunRecord("values", OF_VALUES, OF_VALUES.hash, "digest", (1,), 0, 0.0)


@pytest.mark.parametrize(
    ("scores", "of_images", "of_values"),
    [
        ({0: (1.5, 0.3), 10: (1.2, 0.7), 20: (1.1, 0.6)}, 10, 20),
        ({0: (0.5, 0.3), 10: (0.9, 0.5), 20: (0.8, 0.9)}, 20, 0),
        ({0: (2.0, 0.1), 10: (1.0, 0.8), 20: (1.0, 0.8), 30: (1.5, 0.8)}, 10, 10),
        ({0: (1.0, 0.5)}, 0, 0),
        ({2: (0.4, 0.5), 10: (0.4, 0.5)}, 2, 2),
    ],
    ids=str,
)
def test_the_best_version(tmp_path, scores, of_images, of_values):
    # Given validation scores (loss, accuracy) by version, I expect the most accurate version to be best, of a
    # regression the one of the lowest loss; of equals the first.
    record = Record(LocalStore(tmp_path))
    for run, best in ((IMAGES, of_images), (VALUES, of_values)):
        for version, (loss, accuracy) in scores.items():
            record.save_scores(run.run, "validation", version, {"loss": loss, "accuracy": accuracy})
        assert best_version(SimpleNamespace(record=record), run) == best


@pytest.mark.parametrize("run", [IMAGES, VALUES], ids=lambda run: run.run)
def test_what_was_submitted_is_read_back(tmp_path, run):
    # Given a run on images or on values, I expect all of what was submitted back, of the same types.
    record = Record(LocalStore(tmp_path))
    record.create(run)
    found = record.run(run.run)
    assert found == run
    assert isinstance(found.input_shape, tuple)
