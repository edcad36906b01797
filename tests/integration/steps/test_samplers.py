"""What a sampler asks the store, and writes, of the messages that it gets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from phiforge.fleet.platform import Platform
from phiforge.runs.keys import training_episodes_key
from phiforge.runs.store import Store
from phiforge_client.submission import submit
from phiforge_sampler.service import Sampler
from tests.fleet import JOBS, small_spec

pytestmark = pytest.mark.services


class Telling:
    """A store that notes which version's episodes it is asked to list or write."""

    def __init__(self, store: Store, asked: list[tuple[str, int]]) -> None:
        self._store, self._asked = store, asked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def list(self, prefix: str) -> Iterator[str]:
        if "/episodes/" in prefix:
            self._asked.append(("list", int(prefix.split("/")[-2])))
        return self._store.list(prefix)

    def put(self, key: str, value: bytes) -> None:
        self._asked.append(("put", int(key.split("/")[-2])))
        self._store.put(key, value)


def test_a_sampler_asks_the_store_only_where_somebody_may_have_written(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a sampler, and a store that tells what it is asked
    run, sampler = submit(platform, small_spec()), Sampler(platform)
    asked: list[tuple[str, int]] = []
    monkeypatch.setattr(platform, "store", Telling(platform.store, asked))
    monkeypatch.setattr(platform.record, "store", platform.store)
    # If it gets the versions of a run in order, I expect it to ask what of the first is there, and to write the rest;
    for version in range(3):
        sampler.sample_training(run, version, sent_at=0)
    assert asked == [("list", 0), *(("put", version) for version in range(3) for _ in range(JOBS))]
    # if one comes again, or one that was not to be next, to ask before it writes.
    asked.clear()
    sampler.sample_training(run, 2, sent_at=0)
    sampler.sample_training(run, 4, sent_at=0)
    assert asked == [("list", 2), ("list", 4), *[("put", 4)] * JOBS]


def test_equal_messages_give_equal_episodes(platform: Platform, run: str, tmp_path: Path) -> None:
    # Given the episodes of a job
    key = training_episodes_key(run, 0, 0)
    before = platform.store.get(key)
    # If they are lost and asked for again, from another sampler
    platform.store.delete(key)
    Sampler(platform).sample_training(run, 0, sent_at=0)
    # I expect the same bytes.
    assert platform.store.get(key) == before
