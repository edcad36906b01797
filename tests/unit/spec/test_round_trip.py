"""Any valid spec comes back from JSON and YAML as it was."""

import json

import yaml
from hypothesis import given
from hypothesis import strategies as st

from phiforge.spec.checks import DatasetFacts
from phiforge.spec.read import parse_spec
from tests.unit.spec.cases import SPLITS
from tests.unit.spec.strategies import raw_specs


@given(raw_specs(), st.randoms(use_true_random=False))
def test_any_valid_spec_round_trips_to_the_same_hash(raw, random):
    # Given any valid spec
    spec = parse_spec(raw, lambda data: DatasetFacts(dict.fromkeys(SPLITS, 20), dict.fromkeys(SPLITS, 20)))
    # If it is written down in full, as JSON or as YAML, or given with its sections in another order
    shuffled = {name: raw[name] for name in random.sample(list(raw), len(raw))}
    fields = spec.model_dump(mode="json")
    for again in (json.loads(spec.model_dump_json()), yaml.safe_load(yaml.safe_dump(fields)), fields, shuffled):
        # I expect the same spec and the same hash.
        assert parse_spec(again) == spec
        assert parse_spec(again).hash == spec.hash
