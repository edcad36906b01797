"""Equal specs have one hash, whatever their spelling; every field is in it."""

import json

import pytest
import yaml

from phiforge.base.canonical import canonical_json, sha256_hex
from phiforge.spec.read import parse_spec
from phiforge.spec.run import RunSpec
from tests.unit.spec.cases import PLAIN, read


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(yaml.safe_load(PLAIN)),
        json.dumps(yaml.safe_load(PLAIN), indent=2, sort_keys=True),
        "\n".join(reversed(PLAIN.strip().split("\n"))),
        "# a comment\n" + PLAIN.replace("1.0", "1").replace("0.25", "2.5e-1").replace("seed: 3", "seed: 0x3"),
        PLAIN
        + "data: {name: glyphs, jitter: 1}\nsampling: {}\nevaluation: {task: null}\nestimator: {name: backpropagation}",
    ],
    ids=["JSON", "sorted JSON", "other order", "other spelling", "explicit defaults"],
)
def test_equal_specs_have_equal_hashes(tmp_path, text):
    # Given one spec spelled in two ways, I expect one hash.
    expected = parse_spec(read(tmp_path, PLAIN))
    found = parse_spec(read(tmp_path, text))
    assert found == expected
    assert found.hash == expected.hash


def test_minus_zero_is_zero():
    jitters = [parse_spec({"data": {"name": "glyphs", "jitter": jitter}}).hash for jitter in (0.0, -0.0)]
    assert jitters[0] == jitters[1]


def test_the_hash_is_of_every_field():
    # Given a spec, I expect the SHA-256 of all its fields, those by default too.
    spec = RunSpec()
    fields = spec.to_json()
    assert spec.hash == sha256_hex(canonical_json(fields))
    # If any one of them changes, however deep, I expect another hash: one for each of them.
    changed = [RunSpec.model_validate(other).hash for other in others_of(fields)]
    assert len(changed) == len(leaves_of(fields)) - len(FIXED)
    assert len({spec.hash, *changed}) == 1 + len(changed)


FIXED = {"data.name", "learner.name", "learner.network.name", "estimator.name"}
FIXED |= {"outer.optimizer.name", "outer.local_optimizer.name"}
"""Fields that no other value may take by itself."""
ANOTHER = {
    "name": "another",
    "consistency": "bounded_staleness",
    "split": "lake",
    "schedule": "cosine",
    "dtype": "float64",
    "engine": "torch",
    "norm": "layer",
    "pools": 3,
    "augmentation": "mirror",
    "task": {"n_way": 5, "k_shot": 1, "n_query": 6},
}


def leaves_of(fields, place=""):
    """The dotted places of all fields that are no section."""
    return [
        leaf
        for key, value in fields.items()
        for leaf in (leaves_of(value, f"{place}{key}.") if isinstance(value, dict) else [place + key])
    ]


def others_of(fields, place=""):
    """Valid copies of ``fields`` that differ in one leaf, for every leaf but FIXED."""
    for key, value in fields.items():
        if isinstance(value, dict):
            others = list(others_of(value, f"{place}{key}."))
        elif place + key in FIXED:
            others = []
        elif key in ANOTHER:
            others = [ANOTHER[key]]
        elif isinstance(value, bool):
            others = [not value]
        else:
            others = [value + 1 if isinstance(value, int) else value * 0.99 or 0.5]
        yield from (fields | {key: other} for other in others)
