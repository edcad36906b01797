"""Datasets in object storage: image shards named by their hash, and an index whose hash is the dataset's digest."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import PIL
import zstandard

from phiforge.base.canonical import canonical_json, sha256_hex
from phiforge.base.errors import FormatError, MissingObjectError, StoreError, UnreachableStoreError
from phiforge.base.settings import Settings
from phiforge.registry import DATA, PartConfig
from phiforge.runs.store import Store
from phiforge.spec.schema import recorded
from phiforge.tasks.datasets import build_source
from phiforge.tasks.datasets.bases.dataset import (
    LEFT_OUT,
    Catalogue,
    Dataset,
    Examples,
    Progress,
    SourceClass,
    TaskClass,
    remark,
)

log = logging.getLogger(__name__)

_LAYOUT = {"index": "2"}
"""Names what an index holds; a dataset that was published with less of it is published again."""

SHARD_BYTES = 8 * 2**20
"""Images per shard, before compression."""


class Facts(NamedTuple):
    """What can be known of a published dataset without its images."""

    digest: str
    input_shape: tuple[int, ...]
    classes: Mapping[str, int]
    drawings: Mapping[str, int]


def prepare(config: PartConfig, settings: Settings, store: Store, progress: Progress | None = None) -> Facts:
    """Return what is known of where tasks of ``config`` come from; a dataset is published first.

    Raises DataError if it cannot be built, MissingPartError if there is no such dataset or family here.
    """
    part = DATA[config.name]
    if not part.published:
        return Facts(sha256_hex(canonical_json(recorded(config))), part.input_shape(config), {}, {})
    return load_facts(ensure_published(config, settings, store, progress), store)


def ensure_published(config: PartConfig, settings: Settings, store: Store, progress: Progress | None = None) -> str:
    """Return the digest of the published dataset of ``config``; it is built and published unless that was done before.

    Raises DataError if it cannot be built.
    """
    source = build_source(config, settings, progress)
    libraries = {"numpy": np.__version__, "Pillow": PIL.__version__}
    identity = canonical_json(recorded(config) | source.fingerprint() | libraries | _LAYOUT)
    pointer = f"datasets/by-source/{sha256_hex(identity)}"
    if (digest := _pointed_to(pointer, store, progress)) is None:
        digest = publish(source.build(), store)
        store.put(pointer, digest.encode())
    return digest


def _pointed_to(pointer: str, store: Store, progress: Progress | None) -> str | None:
    """Return the digest of a dataset that was published before; None if it was not, or what says so is damaged."""
    try:
        digest = store.get(pointer).decode()
        index = _read_index(digest, store)
    except MissingObjectError:
        return None
    except (FormatError, StoreError, UnicodeDecodeError) as error:
        if isinstance(error, UnreachableStoreError):
            raise
        log.warning("publishing a dataset again, for %s or its index is damaged: %s", pointer, error)
        return None
    for line in index["source"].get(LEFT_OUT, "").splitlines():
        remark(progress, line)
    return digest


def publish(dataset: Dataset, store: Store) -> str:
    """Write ``dataset`` unless it is there, index last, and return its digest; shards are shared between datasets."""
    index = canonical_json(
        {
            "name": dataset.name,
            "image_shape": list(dataset.image_shape),
            "classes": [list(source_class) for source_class in dataset.classes],
            "splits": {split: [list(each) for each in classes] for split, classes in dataset.splits.items()},
            "source": dict(dataset.source),
            "shards": _publish_shards(dataset.images, store),
        }
        | ({} if dataset.images.dtype == np.uint8 else {"dtype": str(dataset.images.dtype)})
        | _publish_files(dataset.files, store)
    )
    digest = sha256_hex(index)
    _ensure(_index_key(digest), index, store)
    return digest


def load(digest: str, store: Store) -> Dataset:
    """Read a published dataset; raises FormatError if a bit of it changed, MissingObjectError if it is not there."""
    index = _read_index(digest, store)
    dtype = _dtype(index)
    images = [_read_shard(shard, index["image_shape"], dtype, store) for shard in index["shards"]]
    catalogue = _catalogue(index)
    return Dataset(
        index["name"], cast(Examples, np.concatenate(images)), catalogue.classes, catalogue.splits, index["source"]
    )


def load_catalogue(digest: str, store: Store) -> Catalogue:
    """Read what the classes of a published dataset are, and the names of its files; raises as ``load`` does."""
    index = _read_index(digest, store)
    return _catalogue(index)._replace(files=_read_files(index, store))


def _catalogue(index: Mapping[str, Any]) -> Catalogue:
    return Catalogue(
        classes=tuple(SourceClass(*each) for each in index["classes"]),
        splits={split: tuple(TaskClass(*each) for each in classes) for split, classes in index["splits"].items()},
    )


def load_facts(digest: str, store: Store) -> Facts:
    """Read the index of a published dataset alone; raises as ``load`` does."""
    index = _read_index(digest, store)
    count = [each[2] for each in index["classes"]]
    return Facts(
        digest=digest,
        input_shape=tuple(index["image_shape"]),
        classes={split: len(classes) for split, classes in index["splits"].items()},
        drawings={split: min(count[source] for source, _ in classes) for split, classes in index["splits"].items()},
    )


def _publish_shards(images: Examples, store: Store) -> list[dict[str, Any]]:
    per_shard = max(1, SHARD_BYTES // images[0].nbytes)
    shards = []
    for first in range(0, len(images), per_shard):
        part = np.ascontiguousarray(images[first : first + per_shard])
        data = zstandard.ZstdCompressor(level=3).compress(part.tobytes())
        shards.append({"sha256": sha256_hex(data), "images": len(part), "bytes": len(data)})
        _ensure(_shard_key(sha256_hex(data)), data, store)
    return shards


def _publish_files(files: Sequence[str], store: Store) -> dict[str, Any]:
    """Write the names of files that images were made from, if there are any, and return what the index says of them."""
    if not files:
        return {}
    data = zstandard.ZstdCompressor(level=3).compress(canonical_json(list(files)))
    _ensure(_files_key(sha256_hex(data)), data, store)
    return {"files": sha256_hex(data)}


def _read_files(index: Mapping[str, Any], store: Store) -> list[str]:
    """Return the names of files that images were made from; none of a dataset that was published without."""
    if "files" not in index:
        return []
    data = store.get(_files_key(index["files"]))
    if sha256_hex(data) != index["files"]:
        raise FormatError(f"the list of files {index['files']} is damaged: its SHA-256 is {sha256_hex(data)}")
    return list(json.loads(zstandard.ZstdDecompressor().decompress(data)))


def _ensure(key: str, data: bytes, store: Store) -> None:
    """Write ``data``, whose hash names it, unless it is there undamaged."""
    if not store.put_if_absent(key, data) and store.get(key) != data:
        store.put(key, data)


def _read_index(digest: str, store: Store) -> dict[str, Any]:
    data = store.get(_index_key(digest))
    if sha256_hex(data) != digest:
        raise FormatError(f"the index of dataset {digest} is damaged: its SHA-256 is {sha256_hex(data)}")
    return dict(json.loads(data))


def _dtype(index: Mapping[str, Any]) -> np.dtype[Any]:
    """Return the type of a dataset's numbers: of vectors what its index says, of images, as ever, uint8."""
    name = index.get("dtype", "uint8")
    if name not in ("uint8", "float32"):
        raise FormatError(f"the index of a dataset names the type {name!r}; allowed are uint8 and float32")
    found: np.dtype[Any] = np.dtype(name)
    return found


def _read_shard(shard: Mapping[str, Any], image_shape: list[int], dtype: np.dtype[Any], store: Store) -> Examples:
    data = store.get(_shard_key(shard["sha256"]))
    if sha256_hex(data) != shard["sha256"]:
        raise FormatError(f"image shard {shard['sha256']} is damaged: its SHA-256 is {sha256_hex(data)}")
    size = shard["images"] * int(np.prod(image_shape)) * dtype.itemsize
    if zstandard.frame_content_size(data) != size:
        raise FormatError(f"image shard {shard['sha256']} does not unpack to the {size} bytes that its index promises")
    pixels = zstandard.ZstdDecompressor().decompress(data)
    return np.frombuffer(pixels, dtype).reshape(shard["images"], *image_shape)


def _index_key(digest: str) -> str:
    return f"datasets/{digest}/index.json"


def _files_key(sha256: str) -> str:
    return f"datasets/files/{sha256}"


def _shard_key(sha256: str) -> str:
    return f"datasets/shards/{sha256}"
