"""Datasets: what they are, where they come from, and how they are published to object storage, once.

Adding one is a file with a source (``fingerprint`` and ``build``) and a line in ``open_source``.
"""

from typing import Protocol

import numpy as np
import PIL

from phiforge.canonical import canonical_json, sha256_hex
from phiforge.errors import MissingObjectError
from phiforge.settings import Settings
from phiforge.spec.data import DataSpec, GlyphsData, ImagesData, OmniglotData, SinusoidData
from phiforge.store import Store
from sampler.datasets.dataset import Catalogue, Dataset, Progress, SourceClass, TaskClass
from sampler.datasets.glyphs import Glyphs
from sampler.datasets.images import Images
from sampler.datasets.omniglot import Omniglot
from sampler.datasets.published import Facts, load, load_catalogue, load_facts, publish

PublishedData = OmniglotData | GlyphsData | ImagesData


class Source(Protocol):
    """Where a dataset comes from."""

    def fingerprint(self) -> dict[str, str]:
        """Return what the images depend on, besides the config: hashes of files, versions of libraries."""
        ...

    def build(self) -> Dataset:
        """Read or draw the dataset."""
        ...


def prepare(config: DataSpec, settings: Settings, store: Store, progress: Progress | None = None) -> Facts:
    """Return what is known of the dataset of ``config``, which is published first unless it is a formula.

    Raises DataError if it cannot be built.
    """
    if isinstance(config, SinusoidData):
        return Facts(sha256_hex(canonical_json(config.model_dump(mode="json"))), (1,), {}, {})
    return load_facts(ensure_published(config, settings, store, progress), store)


def open_source(config: PublishedData, settings: Settings, progress: Progress | None = None) -> Source:
    """Return where the dataset of ``config`` comes from; raises DataError if it cannot be had."""
    if isinstance(config, OmniglotData):
        return Omniglot(config, settings.omniglot, settings.home / "data", progress)
    if isinstance(config, ImagesData):
        return Images(config, settings.images, progress)
    return Glyphs(config, progress)


def ensure_published(config: PublishedData, settings: Settings, store: Store, progress: Progress | None = None) -> str:
    """Return the digest of the published dataset of ``config``; it is built and published unless that was done before.

    Raises DataError if it cannot be built.
    """
    source = open_source(config, settings, progress)
    libraries = {"numpy": np.__version__, "Pillow": PIL.__version__}
    identity = canonical_json(config.model_dump(mode="json") | source.fingerprint() | libraries)
    pointer = f"datasets/by-source/{sha256_hex(identity)}"
    try:
        return store.get(pointer).decode()
    except MissingObjectError:
        digest = publish(source.build(), store)
        store.put(pointer, digest.encode())
        return digest


__all__ = [
    "Catalogue",
    "Dataset",
    "Facts",
    "Progress",
    "SourceClass",
    "TaskClass",
    "ensure_published",
    "load",
    "load_catalogue",
    "load_facts",
    "prepare",
    "publish",
]
