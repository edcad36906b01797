"""Named tensors come back from their bytes bit by bit, and nothing else comes back at all."""

import hashlib
import struct

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phiforge.base.errors import FormatError
from phiforge.learning.tensors import decode, encode, fingerprint, with_prefix, without_prefix

DTYPES = {
    torch.float64: 8,
    torch.float32: 4,
    torch.float16: 2,
    torch.bfloat16: 2,
    torch.int64: 8,
    torch.int32: 4,
    torch.int16: 2,
    torch.int8: 1,
    torch.uint8: 1,
}
names = st.text(st.characters(codec="utf-8"), max_size=8).filter(lambda name: name != "__metadata__")


@st.composite
def tensors(draw):
    """A tensor of any shape and type whose bits are anything: also NaNs with a payload, and minus zero."""
    dtype = draw(st.sampled_from(list(DTYPES)))
    shape = draw(st.lists(st.integers(0, 3), max_size=4))
    size = torch.Size(shape).numel() * DTYPES[dtype]
    data = draw(st.binary(min_size=size, max_size=size))
    return torch.tensor(list(data), dtype=torch.uint8).view(dtype).reshape(shape)


def bits(tensor):
    return tensor.contiguous().reshape(-1).view(torch.uint8).tolist()


def assert_same_bits(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        assert found[name].shape == value.shape
        assert bits(found[name]) == bits(value)


@given(st.dictionaries(names, tensors(), max_size=4))
def test_round_trip(values):
    # Given any tensors, if they are encoded and decoded, I expect every bit back, and the same fingerprint.
    found = decode(encode(values))
    assert_same_bits(found, values)
    assert fingerprint(found) == fingerprint(values)


@given(st.dictionaries(names, tensors(), max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_the_mapping_does_not_matter(values, random):
    # Given the same tensors in another order, I expect the same bytes and the same fingerprint.
    shuffled = dict(random.sample(list(values.items()), len(values)))
    assert encode(shuffled) == encode(values)
    assert fingerprint(shuffled) == fingerprint(values)


@given(st.dictionaries(names, tensors(), min_size=1, max_size=3), st.data())
def test_cut_short(values, data):
    # Given bytes without their end, I expect an error that tells how many there were.
    whole = encode(values)
    length = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(FormatError, match=rf"not a whole safetensors file \({length} bytes\)"):
        decode(whole[:length])


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 8, b"not tensors at all", b"\xff" * 100, encode({"a": torch.ones(3)}) + b"!"]
)
def test_other_bytes(data):
    with pytest.raises(FormatError, match="not a whole safetensors file"):
        decode(data)


def test_a_flipped_bit_never_goes_unseen():
    # Given bytes of which any one bit is flipped
    values = {"a/weight": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(3), "empty": torch.zeros(0, 3)}
    whole, expected = encode(values), fingerprint(values)
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            found = decode(bytes(damaged))
        except FormatError:
            continue
        # I expect an error, or tensors that do not have the fingerprint.
        assert fingerprint(found) != expected


def test_memory_order_and_gradients_do_not_matter():
    # Given the same values as a transposed view, in another memory format, and with a graph behind them
    plain = torch.arange(120.0).reshape(2, 3, 4, 5)
    others = [
        plain.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0),
        plain.to(memory_format=torch.channels_last),
        plain.clone().requires_grad_() * 1,
        torch.stack([plain, plain], dim=-1)[..., 0],
    ]
    # I expect the same bytes and the same fingerprint.
    for other in others:
        assert encode({"x": other}) == encode({"x": plain})
        assert fingerprint({"x": other}) == fingerprint({"x": plain})


def test_the_fingerprint_is_pinned():
    # Given φ, I expect this fingerprint for ever: it is written in every record of a run.
    phi = {"b": torch.tensor([1.0, -2.5]), "a": torch.zeros(1, 2, dtype=torch.float64)}
    assert fingerprint(phi) == "f46f18cbc119261758bf739782caf44aaa95ac2f55cd0dea0def6c684ab7e616"
    # and it to be of names, types, shapes and bytes, in order of name.
    spelled = b"a:torch.float64:(1, 2);" + bytes(16) + b"b:torch.float32:(2,);" + struct.pack("<2f", 1.0, -2.5)
    assert fingerprint(phi) == hashlib.sha256(spelled).hexdigest()


@pytest.mark.parametrize(
    "other",
    [
        {"a": torch.tensor([[0.0, 1.0]])},
        {"a": torch.tensor([0.0, 1.0], dtype=torch.float64)},
        {"a": torch.tensor([-0.0, 1.0])},
        {"a": torch.tensor([1.0, 0.0])},
        {"b": torch.tensor([0.0, 1.0])},
        {"a": torch.tensor([0.0, 1.0]), "b": torch.zeros(0)},
        {},
    ],
    ids=["shape", "type", "bit", "order", "name", "one more", "none"],
)
def test_what_the_fingerprint_tells_apart(other):
    assert fingerprint(other) != fingerprint({"a": torch.tensor([0.0, 1.0])})


@given(st.dictionaries(names, tensors(), max_size=3), st.dictionaries(names, tensors(), max_size=3))
def test_prefixes(phi, state):
    # Given two groups under prefixes, of which one starts like the other
    together = with_prefix("phi", phi) | with_prefix("phi2", state)
    # I expect each group back by its prefix.
    assert_same_bits(without_prefix("phi", together), phi)
    assert_same_bits(without_prefix("phi2", together), state)
    assert without_prefix("ph", together) == {}


def test_names_come_in_order():
    # Given many tensors, I expect them back in order of name: safetensors gives them in another in each process, and
    # sums over them would differ in their last bits.
    tensors = {f"{number}": torch.zeros(1) for number in range(30)}
    assert list(decode(encode(tensors))) == sorted(tensors)


def test_tensors_are_copies():
    # Given bytes, I expect tensors of their own, as aligned in memory as any other tensor, wherever the bytes lie.
    tensors = decode(encode({"a": torch.zeros(3), "b": torch.zeros(5, dtype=torch.float64)}))
    assert all(tensor.data_ptr() % 64 == 0 for tensor in tensors.values())
