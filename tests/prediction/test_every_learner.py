"""Whatever learner a run has: its classifiers answer for one picture as among others, and are kept whole."""

from dataclasses import replace

import pytest

import phiforge
from phiforge.learning.start import first_phi
from phiforge.learning.tensors import fingerprint
from phiforge.prediction.learned import Learned
from phiforge.prediction.model import Model
from phiforge.prediction.opening import preprocessing_of
from phiforge.registry import LEARNERS
from phiforge.spec.run import RunSpec
from tests.networks import fitting

SMALL = {"channels": 8}
LIGHTER = {"pooled": {"finetuning_steps": 3}, "from_scratch": {"inner_steps": 2}, "relation": {"hidden": 4}}
"""Fewer steps where the default takes long."""
OWN = sorted(name for name in LEARNERS if LEARNERS.origin(name) == "phiforge" and LEARNERS[name].supervised)


def learned(name):
    """Return φ₀ of a learner, with all else at its defaults."""
    raw = {"name": name} | LIGHTER.get(name, {})
    if "network" in LEARNERS[name].Config.model_fields:
        raw["network"] = fitting(name, {"name": "conv4"} | SMALL | ({"pools": 2} if name == "relation" else {}))
    data = {"name": "glyphs", "image_size": 16}
    spec = RunSpec.model_validate({"data": data, "task": {"n_way": 5}, "learner": raw})
    found = Learned(name, 0, spec, spec.hash, {}, "", (1, 16, 16), 7, preprocessing_of(spec.data))
    phi = first_phi(spec, found.learner(5))
    return replace(found, phi=phi, phi_hash=fingerprint(phi))


@pytest.mark.parametrize("name", OWN)
def test_it_answers_alone_as_among_others_and_is_kept(name, support, query, tmp_path):
    # Given a classifier of φ₀, if pictures are predicted one by one and together, I expect the same answers;
    classifier = Model(learned(name)).adapt(support)
    some = sorted(query.rglob("*.png"))[::4]
    together = classifier.predict(some)
    alone = [classifier.predict(each)[0] for each in some]
    for a, b in zip(alone, together, strict=True):
        assert dict(a.ranked) == pytest.approx(dict(b.ranked), abs=1e-5)
    # and after it was saved and loaded, these to the bit.
    classifier.save(tmp_path)
    assert phiforge.load_classifier(tmp_path).predict(some) == together
