"""Datasets: one a file, images in classes, and which classes belong to which split."""

from phiforge.base.settings import Settings
from phiforge.registry import DATASETS, PartConfig
from phiforge.tasks.datasets.bases.dataset import Progress
from phiforge.tasks.datasets.bases.source import DatasetSource


def build_source(config: PartConfig, settings: Settings, progress: Progress | None = None) -> DatasetSource:
    """Return where the dataset of ``config`` comes from.

    Raises DataError if it cannot be had, MissingPartError if there is no such dataset here.
    """
    return DATASETS.built_on(DatasetSource, config.name)(config, settings, progress)


__all__ = ["DATASETS", "DatasetSource", "build_source"]
