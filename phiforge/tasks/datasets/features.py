"""Features: vectors with labels, as any encoder puts them out, in a file that ``PHIFORGE_FEATURES`` names."""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from phiforge.base.errors import DataError
from phiforge.base.settings import Settings
from phiforge.registry import PartConfig
from phiforge.tasks.datasets.bases import splits
from phiforge.tasks.datasets.bases.dataset import Dataset, Progress, SourceClass, remark
from phiforge.tasks.datasets.bases.problems import counted, refusal
from phiforge.tasks.datasets.bases.source import DatasetSource
from phiforge.tasks.datasets.bases.vectors.judging import Shares, classes_of, problems_of, repeated, split_of
from phiforge.tasks.datasets.bases.vectors.reading import read_vectors
from phiforge.tasks.datasets.bases.vectors.table import Table

_RULES = "1"
"""Names the rules by which vectors are read and refused; a dataset that other rules made is made again."""


Vectors = NDArray[np.float32]


class FeaturesData(PartConfig):
    """Vectors with labels, as any encoder puts them out; where they are is a setting, PHIFORGE_FEATURES."""

    name: Literal["features"] = "features"
    dimensions: int = Field(default=512, ge=1, le=65_536, description="Numbers of one vector.")
    split_seed: int = Field(default=0, ge=0, description="Shuffles the classes before they are split.")
    validation: float = Field(default=0.16, gt=0, lt=1, description="Fraction of the classes that choose the best φ.")
    test: float = Field(default=0.2, gt=0, lt=1, description="Fraction of the classes that judge it once.")
    scaling: Literal["none", "unit_length"] = Field(
        default="none", description="unit_length: each vector is divided by its Euclidean norm."
    )


class Features(DatasetSource):
    """Reads vectors from a ``.npz`` or ``.safetensors`` file and splits their classes as it says, or by a seed.

    Example::

        np.savez("birds.npz", features=embeddings, labels=names)  # [n, 384] numbers, [n] texts
        dataset = Features(FeaturesData(dimensions=384), Settings(features="birds.npz")).build()
        dataset.images.shape  # (n, 384)
    """

    Config = FeaturesData
    config: FeaturesData

    def __init__(self, config: FeaturesData, settings: Settings, progress: Progress | None = None) -> None:
        """Find the file; raises DataError if none is named."""
        super().__init__(config, settings, progress)
        if settings.features is None:
            raise DataError(
                "data 'features' needs PHIFORGE_FEATURES: a .npz or .safetensors file of arrays 'features' and 'labels'"
            )
        self._place = settings.features

    @classmethod
    def input_shape(cls, config: FeaturesData) -> tuple[int, ...]:
        """Return (dimensions,)."""
        return (config.dimensions,)

    @classmethod
    def scaled(cls, config: FeaturesData, vectors: Vectors) -> Vectors:
        """Return vectors [n, dimensions] of length 1, if that is asked for; one of nought stays."""
        if config.scaling == "none":
            return vectors
        norms = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
        return (vectors / np.where(norms > 0, norms, 1)).astype(np.float32)

    def fingerprint(self) -> dict[str, str]:
        """Return the SHA-256 of the file, and the rules; raises DataError if it cannot be read."""
        try:
            with self._place.open("rb") as file:
                return {"vectors": hashlib.file_digest(file, "sha256").hexdigest(), "rules": _RULES}
        except OSError as error:
            raise DataError(f"{self._place} cannot be read: {error.strerror}; name a file of vectors") from error

    def build(self) -> Dataset:
        """Read, check and split; raises DataError that tells at once what is wrong with any vector or class."""
        table = read_vectors(self._place)
        classes = classes_of(table)
        problems = [*self._dimension_problems(table), *problems_of(table, classes)]
        split, unsplit = self._split(table, classes)
        if problems := [*problems, *unsplit]:
            raise refusal(self._place, problems)
        if doubled := repeated(table):
            remark(self.progress, f"{counted(doubled, 'vector is', 'vectors are')} there twice in {self._place}")
        order = [row for rows in classes.values() for row in rows]
        return Dataset(
            "features",
            self.scaled(self.config, np.ascontiguousarray(table.features[order], dtype=np.float32)),
            _source_classes(classes),
            splits.with_rotations(split, rotations=False),
            self.fingerprint(),
            [f"{self._place.name}[{row}]" for row in order],
        )

    def _dimension_problems(self, table: Table) -> list[str]:
        found = table.features.shape[1]
        if found == self.config.dimensions:
            return []
        return [f"its vectors have {found} numbers, not data.dimensions {self.config.dimensions}: set it to {found}"]

    def _split(self, table: Table, classes: Mapping[str, Sequence[int]]) -> tuple[splits.Characters, list[str]]:
        """Return the classes of each split, and what is wrong with them."""
        config = self.config
        try:
            return split_of(table, classes, Shares(config.validation, config.test, config.split_seed)), []
        except DataError as error:
            return {}, [str(error)]


def _source_classes(classes: Mapping[str, Sequence[int]]) -> tuple[SourceClass, ...]:
    counts = [len(rows) for rows in classes.values()]
    return tuple(map(SourceClass, classes, accumulate(counts, initial=0), counts))
