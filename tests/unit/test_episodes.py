"""Episodes come back from their bytes bit by bit; a file of which one bit differs is refused."""

import hashlib
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from phiforge.base.errors import FormatError
from phiforge.tasks.episodes import MAGIC, EpisodeBatch, digest_of


def batch_of(episodes=2, support=2, query=3, shape=(1, 4, 3), seed=0):
    generator = np.random.default_rng(seed)
    return EpisodeBatch(
        support_x=generator.integers(0, 256, (episodes, support, *shape), np.uint8),
        support_y=generator.integers(0, 5, (episodes, support), np.int64),
        query_x=generator.integers(0, 256, (episodes, query, *shape), np.uint8),
        query_y=generator.integers(0, 5, (episodes, query), np.int64),
        classes=generator.integers(0, 2**40, (episodes, 5), np.int64),
        origin=generator.integers(-(2**31), 2**31, (episodes, support + query, 2), np.int32),
    )


def regression_of(episodes=2, support=2, query=3, seed=0):
    """Episodes whose x and y are values far outside of [0, 1]."""
    generator = np.random.default_rng(seed)

    def values(examples):
        return (100 * generator.standard_normal((episodes, examples, 1))).astype(np.float32)

    return EpisodeBatch(
        support_x=values(support),
        support_y=values(support),
        query_x=values(query),
        query_y=values(query),
        classes=np.empty((episodes, 0), np.int64),
        origin=np.empty((episodes, 0, 2), np.int32),
    )


def noisy_of(**counts):
    """Episodes some of whose support labels are wrong."""
    batch = batch_of(**counts)
    return replace(batch, truth=(batch.support_y + 1) % 5)


def arrays_of(batch):
    """The arrays that a batch has, by name."""
    every = {field.name: getattr(batch, field.name) for field in fields(batch)}
    return {name: array for name, array in every.items() if array is not None}


BOTH = pytest.mark.parametrize(
    "batch", [batch_of(), regression_of(), noisy_of()], ids=["images", "values", "wrong labels"]
)
counts = {"episodes": st.integers(0, 3), "support": st.integers(0, 4), "query": st.integers(0, 4)}
counts |= {"seed": st.integers(0, 2**32)}
shapes = st.tuples(st.integers(1, 3), st.integers(0, 5), st.integers(0, 5))
batches = st.builds(batch_of, **counts, shape=shapes) | st.builds(regression_of, **counts)
batches |= st.builds(noisy_of, **counts)


@given(batches)
def test_round_trip(batch):
    # Given any batch, if it is written and read, I expect every array back, of the same type and shape,
    found = EpisodeBatch.from_bytes(batch.to_bytes())
    assert arrays_of(found).keys() == arrays_of(batch).keys()
    for name, expected in arrays_of(batch).items():
        array = getattr(found, name)
        assert array.dtype == expected.dtype
        assert array.shape == expected.shape
        assert np.array_equal(array, expected)
    # and the same bytes when it is written again.
    assert found.to_bytes() == batch.to_bytes()
    assert len(found) == len(batch)


@BOTH
def test_memory_order_does_not_matter(batch):
    # Given the same arrays in Fortran order, I expect the same bytes.
    turned = EpisodeBatch(**{name: np.asfortranarray(array) for name, array in arrays_of(batch).items()})
    assert turned.to_bytes() == batch.to_bytes()


@BOTH
def test_every_flipped_bit_is_refused(batch):
    # Given a file of which any one bit is flipped, I expect an error.
    whole = batch.to_bytes()
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError, match="episode file"):
            EpisodeBatch.from_bytes(bytes(damaged))


@BOTH
def test_every_truncation_is_refused(batch):
    # Given a file without its end, or with one byte more, I expect an error.
    whole = batch.to_bytes()
    for length in range(len(whole)):
        with pytest.raises(FormatError, match="episode file"):
            EpisodeBatch.from_bytes(whole[:length])
    with pytest.raises(FormatError, match="damaged episode file"):
        EpisodeBatch.from_bytes(whole + b"\0")


@given(st.binary(max_size=100))
def test_other_bytes(data):
    # Given anything else, with the magic before it or not, I expect an error.
    for claimed in (data, MAGIC + data):
        with pytest.raises(FormatError, match="episode file"):
            EpisodeBatch.from_bytes(claimed)


def test_the_error_says_what_was_expected():
    # Given a file of the format's edition before or after, I expect an error that names both.
    for edition in (1, 3):
        other = batch_of().to_bytes().replace(b"EPISODES-2", b"EPISODES-%d" % edition, 1)
        expected = rf"starts with b'PHIFORGE-EPISODES-{edition}.*expected b'PHIFORGE-EPISODES-2"
        with pytest.raises(FormatError, match=expected):
            EpisodeBatch.from_bytes(other)


ARRAYS = arrays_of(batch_of())


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"not compressed",
        zstandard.compress(b"not arrays"),
        zstandard.compress(save({})),
        zstandard.compress(save({name: array for name, array in ARRAYS.items() if name != "classes"})),
        zstandard.compress(save({name: array for name, array in ARRAYS.items() if name != "origin"})),
        zstandard.compress(save(ARRAYS | {"more": np.zeros(1)})),
        zstandard.compress(save(ARRAYS | {"truth": ARRAYS["support_y"].astype(np.int32)})),
        zstandard.compress(save(ARRAYS | {"truth": ARRAYS["query_y"]})),
        zstandard.compress(save(ARRAYS))[:-1],
    ],
    ids=[
        "empty",
        "not compressed",
        "not arrays",
        "no arrays",
        "no classes",
        "no origin",
        "one too many",
        "truth of another type",
        "truth of other examples",
        "cut short",
    ],
)
def test_a_whole_file_that_holds_no_episodes(payload):
    # Given bytes with a right digest that are not the arrays of a batch, I expect an error all the same.
    with pytest.raises(FormatError, match="unreadable episode file"):
        EpisodeBatch.from_bytes(MAGIC + hashlib.sha256(payload).digest() + payload)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_episodes_as_tensors(dtype):
    # Given a batch that was read back, with the darkest and the brightest pixel in it
    batch = batch_of(episodes=3)
    batch.support_x[0, 0, 0, 0, :2] = 0, 255
    episodes = list(EpisodeBatch.from_bytes(batch.to_bytes()).episodes(dtype=dtype))
    # I expect each episode in order, images scaled from [0, 255] to [0, 1], labels as they are.
    assert len(episodes) == 3
    for index, episode in enumerate(episodes):
        for side in ("support", "query"):
            images, labels = getattr(episode, f"{side}_x"), getattr(episode, f"{side}_y")
            assert images.dtype == dtype
            expected = torch.tensor(getattr(batch, f"{side}_x")[index].tolist(), dtype=dtype) / 255
            assert torch.equal(images, expected)
            assert labels.dtype == torch.int64
            assert labels.tolist() == getattr(batch, f"{side}_y")[index].tolist()
        assert episode.classes.dtype == torch.int64
        assert episode.classes.tolist() == batch.classes[index].tolist()
    assert episodes[0].support_x[0, 0, 0, :2].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_as_tensors(dtype):
    # Given a batch of values that was read back
    batch = regression_of(episodes=3)
    episodes = list(EpisodeBatch.from_bytes(batch.to_bytes()).episodes(dtype=dtype))
    # I expect inputs and targets as they are, not scaled, in the type asked for, and no classes.
    for index, episode in enumerate(episodes):
        for name in ("support_x", "support_y", "query_x", "query_y"):
            expected = torch.tensor(getattr(batch, name)[index].tolist(), dtype=dtype)
            assert getattr(episode, name).dtype == dtype
            assert torch.equal(getattr(episode, name), expected)
        assert episode.classes.shape == (0,)
    assert len(episodes) == 3


@BOTH
def test_tensors_do_not_share_memory_with_the_batch(batch):
    # Given an episode's inputs, if they are changed, I expect the batch to stay as it is.
    before = batch.to_bytes()
    for episode in batch.episodes():
        episode.support_x.zero_()
        episode.query_x.zero_()
    assert batch.to_bytes() == before


@BOTH
def test_the_digest_is_of_what_follows_the_header(batch):
    # Given an episode file, I expect its digest to be the SHA-256 of what follows its header, read off the header.
    data = batch.to_bytes()
    assert digest_of(data) == hashlib.sha256(data[len(MAGIC) + 32 :]).hexdigest()
