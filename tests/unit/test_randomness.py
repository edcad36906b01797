"""Random streams are named by their parts and by nothing else; equal JSON values have one spelling."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phiforge.base.canonical import canonical_json, sha256_hex
from phiforge.base.seeds import numpy_generator, seed_of
from phiforge.learning.generators import torch_generator

texts = st.text(st.characters(codec="utf-8"), max_size=8)
parts = st.lists(st.integers(-(2**70), 2**70) | texts, max_size=4)


def test_pinned_values():
    # Given names, I expect these values for ever: φ of every run ever recorded depends on them.
    assert seed_of(0, "train", 3, 1) == 0x3452333D98FFC5AB09AE964C071C2219
    assert numpy_generator(0, "train", 3, 1).integers(0, 1000, 5).tolist() == [451, 388, 658, 825, 704]
    assert torch.randint(0, 1000, (5,), generator=torch_generator(0, "phi")).tolist() == [540, 663, 576, 744, 387]


@given(parts, parts)
def test_seeds_differ_exactly_if_their_parts_do(first, second):
    # Given two names, I expect one seed of 128 bits if they are the same, two otherwise.
    assert 0 <= seed_of(*first) < 2**128
    assert (seed_of(*first) == seed_of(*second)) == (first == second)


@pytest.mark.parametrize(
    ("first", "second"),
    [((1, 23), (12, 3)), (("a", "b"), ("ab",)), ((1,), ("1",)), (("a",), ("a", "")), ((), ("",)), ((0,), (0, 0))],
)
def test_names_that_could_be_mixed_up(first, second):
    # Given parts that spell the same text when put together, I expect different seeds.
    assert seed_of(*first) != seed_of(*second)


def test_streams_are_repeatable_and_independent():
    # Given the streams of 200 neighbouring names
    names = [("step", version, job) for version in range(20) for job in range(10)]
    for draw in (
        lambda name: numpy_generator(*name).random(1000),
        lambda name: torch.rand(1000, generator=torch_generator(*name), dtype=torch.float64).numpy(),
    ):
        streams = np.stack([draw(name) for name in names])
        # I expect each to be the same if it is drawn again,
        assert np.array_equal(streams, np.stack([draw(name) for name in names]))
        # no number twice,
        assert len(np.unique(streams)) == streams.size
        # and no correlation (six standard errors of the largest of 19 900).
        correlation = np.corrcoef(streams)
        assert np.abs(correlation - np.eye(len(names))).max() < 6 / math.sqrt(streams.shape[1])


def test_streams_ignore_the_global_state():
    # Given a stream
    expected = torch.rand(3, generator=torch_generator("a")).tolist(), numpy_generator("a").random(3).tolist()
    # If the global generators move, and another stream is drawn from in between
    torch.rand(7)
    other = torch_generator("b")
    torch.rand(7, generator=other)
    # I expect the same numbers again, and the global generator untouched.
    before = torch.get_rng_state()
    assert (torch.rand(3, generator=torch_generator("a")).tolist(), numpy_generator("a").random(3).tolist()) == expected
    assert torch.equal(torch.get_rng_state(), before)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(texts, values, max_size=4),
    max_leaves=12,
)


def turned_around(value):
    """The same value with the keys of every mapping the other way round."""
    if isinstance(value, dict):
        return {key: turned_around(value[key]) for key in reversed(value)}
    return [turned_around(each) for each in value] if isinstance(value, list) else value


@given(json_values)
def test_canonical_json_reads_back_and_ignores_the_order_of_keys(value):
    # Given any value, I expect its spelling to read back as it, and not to depend on the order of keys.
    spelling = canonical_json(value)
    assert json.loads(spelling) == value
    assert canonical_json(turned_around(value)) == spelling
    assert canonical_json(json.loads(spelling)) == spelling


@pytest.mark.parametrize(
    ("value", "spelling"),
    [
        ({"b": 1, "a": [1, 2.0, None, True]}, '{"a":[1,2.0,null,true],"b":1}'),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e-5, "1e-05"),
        (3e300, "3e+300"),
        (2**70, "1180591620717411303424"),
        ({"φ": "Ω\n\"'"}, '{"φ":"Ω\\n\\"\'"}'),
        ({"B": 0, "a": 0, "é": 0, "Z": 0}, '{"B":0,"Z":0,"a":0,"é":0}'),
        ({}, "{}"),
    ],
)
def test_spellings(value, spelling):
    assert canonical_json(value).decode() == spelling


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, [{"a": math.nan}]])
def test_numbers_that_are_not_finite_are_refused(value):
    # Given a number that JSON has no spelling for, I expect an error rather than JSON that only some can read.
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(value)


def test_sha256_against_its_standard():
    # Given the test message of FIPS 180, I expect its digest.
    assert sha256_hex(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
