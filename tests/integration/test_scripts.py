"""Scripts are called with keys and values by name, and get them to the byte."""

from collections.abc import Iterator

import pytest
import redis

from phiforge.runs.scripts import Script, text_of

pytestmark = pytest.mark.services

EVERY_BYTE = bytes(range(256))


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A client of an empty Redis."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


def script(client: redis.Redis, text: str) -> Script:
    return Script(client, text_of("prelude", shared=()) + text)


def test_everything_has_a_name(client: redis.Redis) -> None:
    # Given a script that returns what it was called with
    own = script(client, "return {key.first, key.second, arg.text, arg.number, arg.none, #keys_rest, #args_rest}")
    # If it is called with names, in whatever order, I expect each under its name, to the byte.
    keys, values = {"second": "b", "first": "a"}, {"number": 12, "none": "", "text": EVERY_BYTE}
    assert own(keys, values) == [b"a", b"b", EVERY_BYTE, b"12", b"", 0, 0]


def test_what_has_no_name_comes_after_it(client: redis.Redis) -> None:
    # Given lists of keys and values, of any length, I expect them in order, and nothing of them under a name.
    own = script(client, "return {key.only or '', arg.only or '', table.concat(keys_rest), table.concat(args_rest)}")
    assert own({"only": "k"}, {"only": "v"}, ["a", "b"], ["1", EVERY_BYTE]) == [b"k", b"v", b"ab", b"1" + EVERY_BYTE]
    assert own({}, {}, ["a", "b"], ["1"]) == [b"", b"", b"ab", b"1"]
    assert own({"only": "k"}, {}) == [b"k", b"", b"", b""]


def test_what_is_staged_lies_beside(client: redis.Redis) -> None:
    # Given a script that moves what is staged, on a Redis that has never seen it
    client.script_flush()
    own = script(client, "redis.call('RENAME', key.staged, key.place) return args_rest")
    # If it is called, twice, I expect what was staged in its place, to the byte.
    for value in (EVERY_BYTE, EVERY_BYTE * 2):
        keys = {"staged": "staged", "place": "place"}
        assert own.beside({"staged": value}, keys, {}, more_values=["x"]) == [b"x"]
        assert client.get("place") == value
        assert not client.exists("staged")


def test_the_time_and_words(client: redis.Redis) -> None:
    # Given what the prelude offers, I expect the server's time in milliseconds, and the words of a text in order.
    seconds, _ = client.time()  # type: ignore[misc]
    assert 0 <= script(client, "return now()")({}, {}) - 1000 * seconds < 60_000
    assert script(client, "return words(arg.text)")({}, {"text": "0:1 2:30"}) == [b"0:1", b"2:30"]
    assert script(client, "return words(arg.text)")({}, {"text": ""}) == []
