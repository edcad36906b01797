"""Glyphs that tests of a process publish, drawn once; that they are the same whenever they are drawn, others prove."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from phiforge.base.settings import Settings
from phiforge.registry import PartConfig
from phiforge.runs import datasets
from phiforge.tasks.datasets import build_source
from phiforge.tasks.datasets.bases.dataset import Dataset, Progress
from phiforge.tasks.datasets.bases.source import DatasetSource
from phiforge.tasks.datasets.glyphs import Glyphs


class DrawnOnce(Glyphs):
    """Glyphs of which the process remembers those that it has drawn."""

    _drawn: dict[str, Dataset] = {}  # noqa: RUF012 - what the process remembers

    def build(self) -> Dataset:
        """Return the dataset, drawn if it was not before."""
        name = self.config.model_dump_json()
        if name not in self._drawn:
            found = super().build()
            found.images.flags.writeable = False
            self._drawn[name] = found
        return self._drawn[name]


def source_of(config: PartConfig, settings: Settings, progress: Progress | None = None) -> DatasetSource:
    """Return where a dataset comes from."""
    found = build_source(config, settings, progress)
    return DrawnOnce(config, settings, progress) if type(found) is Glyphs else found


@contextmanager
def drawing_once() -> Iterator[None]:
    """Let no glyphs be drawn twice for a store."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "build_source", source_of)
        yield
