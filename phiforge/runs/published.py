"""Which datasets are published, which runs need each, and how one goes without taking what is shared."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from phiforge.base.errors import (
    DataError,
    FormatError,
    IncapableWorkerError,
    MissingObjectError,
    RunError,
)
from phiforge.runs.record import Record
from phiforge.runs.store import Store

_ROOT = "datasets/"
_SHARED = ("shards", "files", "by-source")
_SHORTEST = 4
"""Letters of a digest that may stand for it."""


class Published(NamedTuple):
    """One dataset: what its index says, and the ids of the runs that need it."""

    digest: str
    name: str
    image_shape: tuple[int, ...]
    images: int
    bytes: int
    classes: Mapping[str, int]
    runs: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return self._asdict() | {"classes": dict(self.classes)}


def published(record: Record) -> list[Published]:
    """Return every dataset that can be read, in order of name."""
    needed, found = _needed(record), []
    for digest in _digests(record.store):
        with suppress(FormatError, MissingObjectError, KeyError, TypeError, ValueError):
            found.append(_described(digest, _index(digest, record.store), needed.get(digest, [])))
    return sorted(found, key=lambda each: (each.name, each.digest))


def meant(datasets: Sequence[Published], given: str) -> Published:
    """Return the dataset whose digest begins as ``given``; raises DataError if none, or several, do."""
    found = [each for each in datasets if len(given) >= _SHORTEST and each.digest.startswith(given)]
    if len(found) == 1:
        return found[0]
    what = "no published dataset's digest begins" if not found else f"{len(found)} datasets' digests begin"
    raise DataError(
        f"{what} with {given[:80]!r}; `phiforge data list` lists them, {_SHORTEST} letters or more are enough"
    )


def expect_unneeded(dataset: Published) -> None:
    """Raise DataError, which says who does, if runs need a dataset."""
    if dataset.runs:
        some = ", ".join(dataset.runs[:3]) + (", ..." if len(dataset.runs) > 3 else "")
        raise DataError(
            f"dataset {dataset.digest[:12]} stays: {len(dataset.runs)} need it ({some}); `phiforge rm` removes runs"
        )


def remove(record: Record, dataset: Published) -> int:
    """Remove a dataset and what no other one shares with it; return how many objects went.

    What points to it goes first: whoever wants the dataset meanwhile publishes it again. Raises DataError if runs need
    it.
    """
    expect_unneeded(dataset)
    store = record.store
    own = _parts(_index(dataset.digest, store))
    others = {key for digest in _digests(store) if digest != dataset.digest for key in _parts_of(digest, store)}
    going = [*_pointers(store, dataset.digest), f"{_ROOT}{dataset.digest}/index.json", *sorted(own - others)]
    for key in going:
        store.delete(key)
    return len(going)


def _digests(store: Store) -> list[str]:
    names = {key.removeprefix(_ROOT).partition("/")[0] for key in store.list(_ROOT)}
    return sorted(names - set(_SHARED))


def _index(digest: str, store: Store) -> dict[str, Any]:
    try:
        return dict(json.loads(store.get(f"{_ROOT}{digest}/index.json")))
    except ValueError as error:
        raise FormatError(f"the index of dataset {digest} is damaged: {error}") from error


def _described(digest: str, index: Mapping[str, Any], runs: Sequence[str]) -> Published:
    shards = index["shards"]
    return Published(
        digest=digest,
        name=str(index["name"]),
        image_shape=tuple(index["image_shape"]),
        images=sum(shard["images"] for shard in shards),
        bytes=sum(shard["bytes"] for shard in shards),
        classes={split: len(classes) for split, classes in index["splits"].items()},
        runs=tuple(runs),
    )


def _parts(index: Mapping[str, Any]) -> set[str]:
    """Return the keys that an index leads to."""
    shards = {f"{_ROOT}shards/{shard['sha256']}" for shard in index["shards"]}
    return shards | ({f"{_ROOT}files/{index['files']}"} if "files" in index else set())


def _parts_of(digest: str, store: Store) -> set[str]:
    """Return the keys that another dataset's index leads to; an index that is gone leads nowhere."""
    try:
        return _parts(_index(digest, store))
    except MissingObjectError:
        return set()


def _pointers(store: Store, digest: str) -> Iterator[str]:
    for key in store.list(f"{_ROOT}by-source/"):
        with suppress(MissingObjectError):
            if store.get(key) == digest.encode():
                yield key


def _needed(record: Record) -> dict[str, list[str]]:
    """Return which runs need which dataset; a run that cannot be read needs none that could be known."""
    needed: dict[str, list[str]] = {}
    for run in record.runs():
        with suppress(FormatError, IncapableWorkerError, RunError):
            needed.setdefault(record.submitted(run).dataset, []).append(run)
    return needed
